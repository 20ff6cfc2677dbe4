// People, sessions, applications, memberships, invitations (domain rules, section 2.1).
import type { Kysely } from 'kysely'
import { app, runAll, std, versionTrigger } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `create function skerry_bump_version() returns trigger language plpgsql as $$
     begin
       new.version := old.version + 1;
       new.updated_at := greatest(now(), old.updated_at);
       return new;
     end $$`,

    `create table users (${std},
       email text not null check (char_length(email) <= 254),
       email_verified_at timestamptz,
       display_name text not null check (char_length(display_name) between 1 and 100),
       avatar_url text check (char_length(avatar_url) <= 500),
       time_zone text not null default 'UTC',
       week_start text not null default 'monday' check (week_start in ('monday', 'sunday')),
       locale text not null default 'en' check (char_length(locale) <= 35),
       login_code_enabled boolean not null default false,
       is_admin boolean not null default false,
       password_hash text,
       password_changed_at timestamptz not null default now(),
       avatar_key text,
       disabled_at timestamptz)`,
    `create unique index users_email_key on users (lower(email))`,
    versionTrigger('users', [
      'email',
      'email_verified_at',
      'display_name',
      'avatar_url',
      'time_zone',
      'week_start',
      'locale',
      'login_code_enabled',
      'is_admin',
    ]),

    `create table sessions (
       id text primary key check (id ~ '^[0-9a-f]{64}$'),
       public_id uuid not null unique,
       user_id uuid not null references users on delete cascade,
       device_name text check (char_length(device_name) <= 100),
       user_agent text check (char_length(user_agent) <= 500),
       ip inet,
       created_at timestamptz not null default now(),
       last_seen_at timestamptz not null default now(),
       expires_at timestamptz not null)`,
    `create index sessions_user on sessions (user_id)`,
    `create index sessions_expiry on sessions (expires_at)`,

    `create table applications (${std},
       name text not null check (char_length(name) between 1 and 255),
       description text check (char_length(description) <= 10000),
       editors_may_add_editors boolean not null default true,
       created_by_id uuid references users on delete set null,
       archived_at timestamptz,
       projects_count int not null default 0 check (projects_count >= 0),
       members_count int not null default 0 check (members_count >= 0))`,
    `create index applications_created_by on applications (created_by_id)`,
    versionTrigger('applications', ['name', 'description', 'editors_may_add_editors', 'created_by_id', 'archived_at']),

    `create table invitations (${std}, ${app},
       application_name text not null,
       inviter_id uuid references users on delete set null,
       inviter_name text not null,
       user_id uuid references users on delete cascade,
       email text check (char_length(email) <= 254),
       role text not null check (role in ('owner', 'editor', 'viewer')),
       projects jsonb not null default '[]' check (jsonb_typeof(projects) = 'array'),
       message text check (char_length(message) <= 1000),
       state text not null default 'pending' check (state in ('pending', 'accepted', 'rejected', 'cancelled', 'expired')),
       expires_at timestamptz not null default now() + interval '14 days',
       responded_at timestamptz,
       token_hash text unique,
       check (user_id is not null or email is not null))`,
    `create unique index invitations_pending_user on invitations (application_id, user_id) where state = 'pending'`,
    `create unique index invitations_pending_email on invitations (application_id, lower(email)) where state = 'pending'`,
    `create index invitations_user on invitations (user_id)`,
    `create index invitations_inviter on invitations (inviter_id)`,
    versionTrigger('invitations', [
      'user_id',
      'email',
      'role',
      'projects',
      'message',
      'state',
      'expires_at',
      'responded_at',
    ]),

    `create table application_members (${std}, ${app},
       user_id uuid not null references users on delete cascade,
       role text not null check (role in ('owner', 'editor', 'viewer')),
       display_name text not null,
       avatar_url text,
       invitation_id uuid references invitations on delete set null,
       constraint application_members_user_key unique (application_id, user_id))`,
    `create index application_members_user on application_members (user_id)`,
    `create index application_members_invitation on application_members (invitation_id)`,
    versionTrigger('application_members', ['role', 'invitation_id']),

    `create function skerry_member_names() returns trigger language plpgsql as $$
     begin
       select u.display_name, u.avatar_url into new.display_name, new.avatar_url from users u where u.id = new.user_id;
       return new;
     end $$`,
    `create trigger application_members_names before insert on application_members
       for each row execute function skerry_member_names()`,
    `create function skerry_user_names() returns trigger language plpgsql as $$
     begin
       update application_members m set display_name = new.display_name, avatar_url = new.avatar_url
        where m.user_id = new.id;
       return null;
     end $$`,
    `create trigger users_names after update of display_name, avatar_url on users for each row
       when (row(old.display_name, old.avatar_url) is distinct from row(new.display_name, new.avatar_url))
       execute function skerry_user_names()`,

    `create function skerry_members_count() returns trigger language plpgsql as $$
     begin
       if tg_op = 'INSERT' then
         update applications set members_count = members_count + 1 where id = new.application_id;
       else
         update applications set members_count = members_count - 1 where id = old.application_id;
       end if;
       return null;
     end $$`,
    `create trigger application_members_count after insert or delete on application_members
       for each row execute function skerry_members_count()`,

    // an application that still exists at commit has an owner
    `create function skerry_last_owner() returns trigger language plpgsql as $$
     begin
       if exists (select 1 from applications a where a.id = old.application_id)
          and not exists (select 1 from application_members m where m.application_id = old.application_id and m.role = 'owner')
       then
         raise exception 'application % is left without an owner', old.application_id
           using errcode = '23514', constraint = 'application_members_last_owner';
       end if;
       return null;
     end $$`,
    `create constraint trigger application_members_last_owner after update or delete on application_members
       deferrable initially deferred for each row when (old.role = 'owner') execute function skerry_last_owner()`,
  ])
