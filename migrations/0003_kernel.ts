// What the kernel keeps: activity, edit clocks, replay rows, external ids (domain rules, section 2.5). Server-only.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `create table activities (
       id uuid primary key,
       created_at timestamptz not null default now(),
       application_id uuid references applications on delete cascade,
       user_id uuid references users on delete cascade,
       project_id uuid,
       task_id uuid,
       actor_id uuid references users on delete set null,
       actor_name text not null,
       actor_kind text not null check (actor_kind in ('user', 'api_token', 'system', 'import')),
       action text not null,
       entity_type text not null,
       entity_id uuid not null,
       entity_label text not null check (char_length(entity_label) <= 300),
       changes jsonb not null default '{}',
       superseded jsonb not null default '{}',
       edited_at timestamptz not null,
       via text not null check (via in ('desktop', 'web', 'api', 'transaction', 'socket', 'job', 'import')),
       transaction_id uuid,
       visibility text not null default 'members' check (visibility in ('members', 'owners')),
       request_id text)`,
    `create index activities_application on activities (application_id, created_at desc, id desc)`,
    `create index activities_project on activities (project_id, created_at desc, id desc)`,
    `create index activities_task on activities (task_id, created_at desc, id desc)`,
    `create index activities_actor on activities (actor_id)`,
    `create index activities_user on activities (user_id)`,

    `create table field_clocks (
       entity_type text not null,
       entity_id uuid not null,
       base_at timestamptz not null,
       clock jsonb not null default '{}',
       primary key (entity_type, entity_id))`,

    `create table applied_transactions (
       id uuid primary key,
       user_id uuid not null references users on delete cascade,
       request_hash text not null,
       outcome text not null check (outcome in ('applied', 'rejected')),
       result text not null,
       created_at timestamptz not null default now())`,
    `create index applied_transactions_user on applied_transactions (user_id)`,
    `create index applied_transactions_age on applied_transactions (created_at)`,

    `create table idempotency_keys (
       user_id uuid not null references users on delete cascade,
       key text not null check (char_length(key) between 1 and 255),
       request_hash text not null,
       status int not null,
       response text not null,
       created_at timestamptz not null default now(),
       primary key (user_id, key))`,
    `create index idempotency_keys_age on idempotency_keys (created_at)`,

    `create table external_refs (
       application_id uuid not null references applications on delete cascade,
       container_id uuid not null,
       source text not null,
       external_id text not null,
       entity_type text not null,
       entity_id uuid not null,
       primary key (container_id, source, external_id))`,
    `create index external_refs_application on external_refs (application_id)`,
    `create index external_refs_entity on external_refs (entity_id)`,
  ])
