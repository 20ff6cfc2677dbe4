// Notifications, what people want to hear of, and what is unread (domain rules, sections 2.5 and 11).
import type { Kysely } from 'kysely'
import { publish, runAll, std, versionTrigger } from './helpers.ts'

const types = `(
  'mention', 'task_assigned', 'status_change', 'task_commented', 'task_updated', 'due_date_reminder',
  'task_reassignment_needed', 'application_invite', 'project_invite', 'invitation_accepted', 'invitation_rejected',
  'role_changed', 'member_removed', 'project_member_added', 'project_member_removed', 'project_role_changed',
  'project_assigned', 'system')`

const tables = [
  `create table notifications (${std},
     user_id uuid not null references users on delete cascade,
     type text not null check (type in ${types}),
     title text not null check (char_length(title) <= 255),
     message text check (char_length(message) <= 1000),
     entity_type text check (entity_type in (
       'task', 'project', 'application', 'comment', 'document', 'invitation', 'application_member', 'project_member',
       'transfer')),
     entity_id uuid,
     application_id uuid references applications on delete cascade,
     project_id uuid,
     task_id uuid,
     actor_id uuid references users on delete set null,
     actor_name text,
     count int not null default 1 check (count >= 1),
     read_at timestamptz,
     dedupe_key text,
     constraint notifications_dedupe_key unique (user_id, dedupe_key))`,
  `create index notifications_newest on notifications (user_id, created_at desc, id desc)`,
  `create index notifications_unread on notifications (user_id, created_at desc, id desc) where read_at is null`,
  `create index notifications_merging on notifications (user_id, task_id)
     where read_at is null and type in ('task_updated', 'status_change')`,
  `create index notifications_application on notifications (application_id)`,
  `create index notifications_actor on notifications (actor_id)`,
  `create index notifications_age on notifications (created_at)`,
  versionTrigger('notifications', ['created_at', 'title', 'message', 'count', 'read_at']),

  `create table notification_preferences (
     user_id uuid not null references users on delete cascade,
     type text not null check (type in ${types}),
     in_app boolean not null default true,
     email boolean not null default false,
     version int not null default 1 check (version >= 1),
     updated_at timestamptz not null default now(),
     primary key (user_id, type))`,
  versionTrigger('notification_preferences', ['in_app', 'email']),

  `create table user_counters (
     user_id uuid primary key references users on delete cascade,
     unread_notifications int not null default 0 check (unread_notifications >= 0),
     pending_invitations int not null default 0 check (pending_invitations >= 0),
     updated_at timestamptz not null default now())`,
]

// Everybody has a row as long as his account, so counting never has to make one.
const rows = [
  `create function skerry_user_counters() returns trigger language plpgsql as $$
   begin
     insert into user_counters (user_id) values (new.id);
     return null;
   end $$`,
  `create trigger users_counters after insert on users for each row execute function skerry_user_counters()`,
  `insert into user_counters (user_id, pending_invitations)
     select u.id, (select count(*) from invitations i where i.user_id = u.id and i.state = 'pending') from users u`,
]

interface Counted {
  readonly table: string
  readonly counter: string
  /** SQL: does a row count? */
  readonly counts: string
}

// One statement, one delta per person, whatever the number of rows; people's rows are locked in the order of their ids,
// since one command tells many. Most updates (a merge, a reply) move nobody's counter.
const counting = ({ table, counter, counts }: Counted, operation: 'insert' | 'update' | 'delete'): string[] => {
  const side = (rowsOf: string, sign: number) => `select user_id, ${sign} as n from ${rowsOf} where ${counts}`
  const sides = [
    ...(operation === 'insert' ? [] : [side('old_rows', -1)]),
    ...(operation === 'delete' ? [] : [side('new_rows', 1)]),
  ].join(' union all ')
  const referencing = [
    ...(operation === 'insert' ? [] : ['old table as old_rows']),
    ...(operation === 'delete' ? [] : ['new table as new_rows']),
  ].join(' ')
  const name = `${table}_count_${operation}`
  return [
    `create function skerry_${name}() returns trigger language plpgsql as $$
     begin
       with delta as (select user_id, sum(n) as n from (${sides}) c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set ${counter} = c.${counter} + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $$`,
    `create trigger ${name} after ${operation} on ${table} referencing ${referencing}
       for each statement execute function skerry_${name}()`,
  ]
}

const counters = [
  { table: 'notifications', counter: 'unread_notifications', counts: 'read_at is null' },
  { table: 'invitations', counter: 'pending_invitations', counts: `user_id is not null and state = 'pending'` },
].flatMap(counted => (['insert', 'update', 'delete'] as const).flatMap(operation => counting(counted, operation)))

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    ...tables,
    ...rows,
    ...counters,
    ...publish(['notifications', 'notification_preferences', 'user_counters']),
  ])
