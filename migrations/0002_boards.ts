// Projects, members, columns, tasks, comments, checklists and their counters (domain rules, section 2.2).
// Over 400 lines: one migration is one step, and the counters belong to the tables that they count.
import type { Kysely } from 'kysely'
import { app, runAll, std, versionTrigger } from './helpers.ts'

const project = `project_id uuid not null references projects on delete cascade`
const inProject = `foreign key (project_id, application_id) references projects (id, application_id) on delete cascade`
const task = `task_id uuid not null references tasks on delete cascade`
const inTask = `foreign key (task_id, application_id) references tasks (id, application_id) on delete cascade,
  foreign key (task_id, project_id) references tasks (id, project_id) on delete cascade`
const rank = `rank text collate "C" not null check (rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$')`
const categories = `('todo', 'active', 'review', 'issue', 'done')`

const tables = [
  `create table projects (${std}, ${app},
     key text not null check (key ~ '^[A-Z][A-Z0-9]{0,9}$'),
     name text not null check (char_length(name) between 1 and 255),
     description text check (char_length(description) <= 102400),
     project_type text not null default 'kanban' check (project_type in ('kanban', 'scrum')),
     due_date date,
     lead_id uuid references users on delete set null,
     created_by_id uuid references users on delete set null,
     next_task_number int not null default 1 check (next_task_number >= 1),
     require_assignee boolean not null default false,
     freeze_done boolean not null default false,
     archived_at timestamptz,
     unarchived_at timestamptz,
     derived_status text not null default 'todo' check (derived_status in ('todo', 'active', 'issue', 'done')),
     override_status text check (override_status in ${categories}),
     override_reason text check (char_length(override_reason) between 1 and 500),
     override_by_id uuid references users on delete set null,
     override_expires_at timestamptz,
     effective_status text not null default 'todo' check (effective_status in ${categories}),
     check ((override_status is null) = (override_reason is null)),
     constraint projects_key_key unique (application_id, key),
     unique (id, application_id))`,
  `create index projects_lead on projects (lead_id)`,
  `create index projects_created_by on projects (created_by_id)`,
  `create index projects_override_by on projects (override_by_id)`,
  versionTrigger('projects', [
    'key',
    'name',
    'description',
    'project_type',
    'due_date',
    'lead_id',
    'created_by_id',
    'require_assignee',
    'freeze_done',
    'archived_at',
    'unarchived_at',
    'override_status',
    'override_reason',
    'override_by_id',
    'override_expires_at',
  ]),

  `create table project_members (${std}, ${app}, ${project},
     user_id uuid not null references users on delete cascade,
     role text not null default 'member' check (role in ('admin', 'member')),
     added_by_id uuid references users on delete set null,
     constraint project_members_user_key unique (project_id, user_id),
     ${inProject},
     foreign key (application_id, user_id) references application_members (application_id, user_id) on delete cascade)`,
  `create index project_members_application_user on project_members (application_id, user_id)`,
  `create index project_members_user on project_members (user_id)`,
  `create index project_members_added_by on project_members (added_by_id)`,
  versionTrigger('project_members', ['role', 'added_by_id']),

  `create table task_statuses (${std}, ${app}, ${project},
     name text not null check (char_length(name) between 1 and 50),
     category text not null check (category in ${categories}),
     color text not null check (color ~ '^#[0-9A-Fa-f]{6}$'),
     ${rank},
     unique (id, project_id),
     ${inProject})`,
  `create unique index task_statuses_name_key on task_statuses (project_id, lower(name))`,
  versionTrigger('task_statuses', ['name', 'category', 'color', 'rank']),
  `create function skerry_fixed_category() returns trigger language plpgsql as $$
   begin
     raise exception 'the category of a status cannot change' using errcode = '23514';
   end $$`,
  `create trigger task_statuses_fixed_category before update on task_statuses for each row
     when (old.category <> new.category) execute function skerry_fixed_category()`,

  `create table status_redirects (
     old_status_id uuid primary key,
     ${project},
     target_status_id uuid not null references task_statuses on delete cascade,
     created_at timestamptz not null default now())`,
  `create index status_redirects_project on status_redirects (project_id)`,
  `create index status_redirects_target on status_redirects (target_status_id)`,

  `create function skerry_distinct_labels(labels text[]) returns boolean language sql immutable as $$
     select count(*) = count(distinct lower(l)) and coalesce(bool_and(char_length(l) between 1 and 50), true)
       from unnest(labels) as l $$`,
  `create table tasks (${std}, ${app}, ${project},
     number int not null check (number >= 1),
     task_key text not null,
     title text not null check (char_length(title) between 1 and 500),
     description text check (char_length(description) <= 102400),
     task_type text not null default 'story' check (task_type in ('story', 'bug', 'epic', 'task', 'subtask')),
     priority text not null default 'medium' check (priority in ('lowest', 'low', 'medium', 'high', 'highest')),
     status_id uuid not null references task_statuses,
     ${rank},
     assignee_id uuid references users on delete set null,
     reporter_id uuid references users on delete set null,
     created_by_id uuid references users on delete set null,
     parent_id uuid references tasks on delete set null,
     depth int not null default 0 constraint tasks_depth_check check (depth between 0 and 5),
     labels text[] not null default '{}' check (cardinality(labels) <= 20 and skerry_distinct_labels(labels)),
     story_points int check (story_points between 0 and 100),
     due_date date,
     completed_at timestamptz,
     archived_at timestamptz,
     unarchived_at timestamptz,
     deleted_at timestamptz,
     deleted_by_id uuid references users on delete set null,
     trash_root_id uuid,
     checklist_total int not null default 0,
     checklist_done int not null default 0 check (checklist_done between 0 and checklist_total),
     comment_count int not null default 0 check (comment_count >= 0),
     attachment_count int not null default 0 check (attachment_count >= 0),
     subtask_total int not null default 0,
     subtask_done int not null default 0 check (subtask_done between 0 and subtask_total),
     check ((deleted_at is null) = (trash_root_id is null)),
     check (parent_id <> id),
     constraint tasks_number_key unique (project_id, number),
     constraint tasks_task_key_key unique (application_id, task_key),
     unique (id, application_id),
     unique (id, project_id),
     ${inProject},
     foreign key (status_id, project_id) references task_statuses (id, project_id),
     foreign key (parent_id, project_id) references tasks (id, project_id) on delete set null (parent_id))`,
  `create index tasks_column on tasks (project_id, status_id, rank, id)`,
  `create index tasks_status on tasks (status_id)`,
  `create index tasks_parent on tasks (parent_id)`,
  `create index tasks_assignee on tasks (assignee_id)`,
  `create index tasks_reporter on tasks (reporter_id)`,
  `create index tasks_created_by on tasks (created_by_id)`,
  `create index tasks_deleted_by on tasks (deleted_by_id)`,
  `create index tasks_due on tasks (project_id, due_date)`,
  `create index tasks_updated on tasks (application_id, updated_at)`,
  `create index tasks_trash on tasks (trash_root_id) where deleted_at is not null`,
  `create index tasks_archive on tasks (project_id, archived_at) where archived_at is not null`,
  versionTrigger('tasks', [
    'title',
    'description',
    'task_type',
    'priority',
    'status_id',
    'rank',
    'assignee_id',
    'reporter_id',
    'created_by_id',
    'parent_id',
    'labels',
    'story_points',
    'due_date',
    'completed_at',
    'archived_at',
    'unarchived_at',
    'deleted_at',
    'deleted_by_id',
    'trash_root_id',
  ]),

  `create table project_aggregates (
     project_id uuid primary key references projects on delete cascade,
     ${app},
     total_tasks int not null default 0 check (total_tasks >= 0),
     todo_tasks int not null default 0 check (todo_tasks >= 0),
     active_tasks int not null default 0 check (active_tasks >= 0),
     review_tasks int not null default 0 check (review_tasks >= 0),
     issue_tasks int not null default 0 check (issue_tasks >= 0),
     done_tasks int not null default 0 check (done_tasks >= 0),
     archived_tasks int not null default 0 check (archived_tasks >= 0),
     archived_done_tasks int not null default 0 check (archived_done_tasks >= 0),
     updated_at timestamptz not null default now(),
     check (total_tasks = todo_tasks + active_tasks + review_tasks + issue_tasks + done_tasks),
     ${inProject})`,

  `create table comments (${std}, ${app}, ${project}, ${task},
     parent_id uuid references comments on delete cascade,
     author_id uuid references users on delete set null,
     author_name text not null,
     body jsonb,
     body_text text not null default '',
     body_edited_at timestamptz,
     deleted_at timestamptz,
     deleted_by_id uuid references users on delete set null,
     check ((body is null) = (deleted_at is not null)),
     unique (id, application_id),
     unique (id, task_id),
     ${inTask},
     foreign key (parent_id, task_id) references comments (id, task_id) on delete cascade)`,
  `create index comments_task on comments (task_id, created_at)`,
  `create index comments_parent on comments (parent_id)`,
  `create index comments_author on comments (author_id)`,
  `create index comments_deleted_by on comments (deleted_by_id)`,
  `create index comments_project on comments (project_id)`,
  versionTrigger('comments', [
    'body',
    'body_text',
    'body_edited_at',
    'deleted_at',
    'deleted_by_id',
    'author_name',
    'author_id',
  ]),

  `create table mentions (
     id uuid primary key,
     created_at timestamptz not null default now(),
     ${app},
     comment_id uuid not null references comments on delete cascade,
     user_id uuid not null references users on delete cascade,
     unique (comment_id, user_id),
     foreign key (comment_id, application_id) references comments (id, application_id) on delete cascade)`,
  `create index mentions_user on mentions (user_id)`,

  `create table checklists (${std}, ${app}, ${project}, ${task},
     title text not null check (char_length(title) between 1 and 255),
     ${rank},
     total_items int not null default 0,
     completed_items int not null default 0 check (completed_items between 0 and total_items),
     unique (id, task_id),
     ${inTask})`,
  `create index checklists_task on checklists (task_id, rank, id)`,
  `create index checklists_project on checklists (project_id)`,
  versionTrigger('checklists', ['title', 'rank']),

  `create table checklist_items (${std}, ${app}, ${project}, ${task},
     checklist_id uuid not null references checklists on delete cascade,
     content text not null check (char_length(content) between 1 and 10000),
     is_done boolean not null default false,
     completed_by_id uuid references users on delete set null,
     completed_at timestamptz,
     ${rank},
     check (is_done = (completed_at is not null)),
     ${inTask},
     foreign key (checklist_id, task_id) references checklists (id, task_id) on delete cascade)`,
  `create index checklist_items_list on checklist_items (checklist_id, rank, id)`,
  `create index checklist_items_task on checklist_items (task_id)`,
  `create index checklist_items_project on checklist_items (project_id)`,
  `create index checklist_items_completed_by on checklist_items (completed_by_id)`,
  versionTrigger('checklist_items', ['content', 'is_done', 'completed_by_id', 'completed_at', 'rank', 'checklist_id']),
]

// Counters are kept by triggers in the transaction of the change and equal a recount at every commit.
const counters = [
  `create function skerry_projects_count() returns trigger language plpgsql as $$
   declare delta int := 0;
   begin
     if tg_op <> 'DELETE' and new.archived_at is null then delta := delta + 1; end if;
     if tg_op <> 'INSERT' and old.archived_at is null then delta := delta - 1; end if;
     if delta <> 0 then
       update applications set projects_count = projects_count + delta
        where id = case when tg_op = 'DELETE' then old.application_id else new.application_id end;
     end if;
     return null;
   end $$`,
  `create trigger projects_count after insert or update of archived_at or delete on projects
     for each row execute function skerry_projects_count()`,

  `create function skerry_new_project() returns trigger language plpgsql as $$
   begin
     insert into project_aggregates (project_id, application_id) values (new.id, new.application_id);
     return null;
   end $$`,
  `create trigger projects_aggregate after insert on projects for each row execute function skerry_new_project()`,

  // effective = override while it holds, else derived; rewritten whenever either side changes
  `create function skerry_effective_status() returns trigger language plpgsql as $$
   begin
     new.effective_status := case
       when new.override_status is not null and (new.override_expires_at is null or new.override_expires_at > now())
       then new.override_status else new.derived_status end;
     return new;
   end $$`,
  `create trigger projects_effective_status before insert or update on projects
     for each row execute function skerry_effective_status()`,

  `create function skerry_derived_status(a project_aggregates) returns text language sql immutable as $$
     select case
       when a.total_tasks = 0 and a.archived_done_tasks = 0 then 'todo'
       when a.total_tasks = 0 then 'done'
       when a.done_tasks = a.total_tasks then 'done'
       when a.issue_tasks > 0 then 'issue'
       when a.todo_tasks > 0 then 'todo'
       when a.active_tasks > 0 or a.review_tasks > 0 then 'active'
       else 'todo' end $$`,
  `create function skerry_aggregate_changed() returns trigger language plpgsql as $$
   begin
     update projects set derived_status = skerry_derived_status(new)
      where id = new.project_id and derived_status <> skerry_derived_status(new);
     return null;
   end $$`,
  `create trigger project_aggregates_derived after update on project_aggregates
     for each row execute function skerry_aggregate_changed()`,
]

// One statement, one delta per project and parent, whatever the number of rows. The three statement triggers differ
// only in which transition tables they see.
const taskDelta = (source: string) => `
  with change as (${source}),
  per_project as (
    select c.project_id,
           sum(n) filter (where visible) as total,
           sum(n) filter (where visible and s.category = 'todo') as todo,
           sum(n) filter (where visible and s.category = 'active') as active,
           sum(n) filter (where visible and s.category = 'review') as review,
           sum(n) filter (where visible and s.category = 'issue') as issue,
           sum(n) filter (where visible and s.category = 'done') as done,
           sum(n) filter (where archived) as archived,
           sum(n) filter (where archived and s.category = 'done') as archived_done
      from change c join task_statuses s on s.id = c.status_id
     group by c.project_id)
  update project_aggregates a set
    total_tasks = a.total_tasks + coalesce(d.total, 0),
    todo_tasks = a.todo_tasks + coalesce(d.todo, 0),
    active_tasks = a.active_tasks + coalesce(d.active, 0),
    review_tasks = a.review_tasks + coalesce(d.review, 0),
    issue_tasks = a.issue_tasks + coalesce(d.issue, 0),
    done_tasks = a.done_tasks + coalesce(d.done, 0),
    archived_tasks = a.archived_tasks + coalesce(d.archived, 0),
    archived_done_tasks = a.archived_done_tasks + coalesce(d.archived_done, 0),
    updated_at = now()
   from per_project d
  where a.project_id = d.project_id
    and (coalesce(d.total, 0), coalesce(d.todo, 0), coalesce(d.active, 0), coalesce(d.review, 0), coalesce(d.issue, 0),
         coalesce(d.done, 0), coalesce(d.archived, 0), coalesce(d.archived_done, 0)) <> (0, 0, 0, 0, 0, 0, 0, 0)`

// subtasks of a parent: those not in the trash; archived ones count, they were finished or put away, not taken back
const parentDelta = (source: string) => `
  with change as (${source}),
  per_parent as (
    select c.parent_id,
           coalesce(sum(n) filter (where not trashed), 0) as total,
           coalesce(sum(n) filter (where not trashed and s.category = 'done'), 0) as done
      from change c join task_statuses s on s.id = c.status_id
     where c.parent_id is not null
     group by c.parent_id)
  update tasks t set subtask_total = t.subtask_total + d.total, subtask_done = t.subtask_done + d.done
    from per_parent d
   where t.id = d.parent_id and (d.total, d.done) <> (0, 0)`

const side = (table: string, sign: number) => `
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         ${sign} as n
    from ${table}`

// most updates change a title or a place: nothing to count
const unlessCounted = `
       if not exists (
         select 1 from old_rows o join new_rows n on n.id = o.id
          where (o.status_id, o.parent_id, o.archived_at, o.deleted_at)
                is distinct from (n.status_id, n.parent_id, n.archived_at, n.deleted_at)) then
         return null;
       end if;`

const taskCounter = (operation: 'insert' | 'update' | 'delete') => {
  const sides = [
    ...(operation === 'insert' ? [] : [side('old_rows', -1)]),
    ...(operation === 'delete' ? [] : [side('new_rows', 1)]),
  ].join(' union all ')
  const referencing = [
    ...(operation === 'insert' ? [] : ['old table as old_rows']),
    ...(operation === 'delete' ? [] : ['new table as new_rows']),
  ].join(' ')
  return [
    `create function skerry_tasks_${operation}() returns trigger language plpgsql as $$
     begin
       ${operation === 'update' ? unlessCounted : ''}
       ${taskDelta(sides)};
       -- a statement trigger fires for no rows as well: without the question this one would call itself for ever
       if exists (select 1 from (${sides}) c where c.parent_id is not null) then
         ${parentDelta(sides)};
       end if;
       return null;
     end $$`,
    `create trigger tasks_count_${operation} after ${operation} on tasks referencing ${referencing}
       for each statement execute function skerry_tasks_${operation}()`,
  ]
}

const moreCounters = [
  ...taskCounter('insert'),
  ...taskCounter('update'),
  ...taskCounter('delete'),

  // depth follows the parent, for the whole subtree
  `create function skerry_task_depth() returns trigger language plpgsql as $$
   begin
     new.depth := coalesce((select p.depth + 1 from tasks p where p.id = new.parent_id), 0);
     return new;
   end $$`,
  `create trigger tasks_depth before insert or update of parent_id, depth on tasks
     for each row execute function skerry_task_depth()`,
  `create function skerry_task_depth_below() returns trigger language plpgsql as $$
   begin
     update tasks set depth = new.depth + 1 where parent_id = new.id;
     return null;
   end $$`,
  `create trigger tasks_depth_below after update of parent_id, depth on tasks for each row
     when (old.depth <> new.depth) execute function skerry_task_depth_below()`,

  `create function skerry_comment_count() returns trigger language plpgsql as $$
   declare delta int := 0;
   begin
     if tg_op <> 'DELETE' and new.deleted_at is null then delta := delta + 1; end if;
     if tg_op <> 'INSERT' and old.deleted_at is null then delta := delta - 1; end if;
     if delta <> 0 then
       update tasks set comment_count = comment_count + delta
        where id = case when tg_op = 'DELETE' then old.task_id else new.task_id end;
     end if;
     return null;
   end $$`,
  `create trigger comments_count after insert or update of deleted_at or delete on comments
     for each row execute function skerry_comment_count()`,

  `create function skerry_item_count() returns trigger language plpgsql as $$
   begin
     if tg_op <> 'INSERT' then
       update checklists set total_items = total_items - 1, completed_items = completed_items - old.is_done::int
        where id = old.checklist_id;
       update tasks set checklist_total = checklist_total - 1, checklist_done = checklist_done - old.is_done::int
        where id = old.task_id;
     end if;
     if tg_op <> 'DELETE' then
       update checklists set total_items = total_items + 1, completed_items = completed_items + new.is_done::int
        where id = new.checklist_id;
       update tasks set checklist_total = checklist_total + 1, checklist_done = checklist_done + new.is_done::int
        where id = new.task_id;
     end if;
     return null;
   end $$`,
  `create trigger checklist_items_count after insert or delete on checklist_items
     for each row execute function skerry_item_count()`,
  `create trigger checklist_items_recount after update on checklist_items for each row
     when (old.is_done <> new.is_done or old.checklist_id <> new.checklist_id)
     execute function skerry_item_count()`,

  // a viewer has no project rows
  `create function skerry_demoted() returns trigger language plpgsql as $$
   begin
     delete from project_members p where p.application_id = new.application_id and p.user_id = new.user_id;
     return null;
   end $$`,
  `create trigger application_members_demoted after update of role on application_members for each row
     when (new.role = 'viewer' and old.role <> 'viewer') execute function skerry_demoted()`,
]

export const up = (db: Kysely<unknown>): Promise<void> => runAll(db, [...tables, ...counters, ...moreCounters])
