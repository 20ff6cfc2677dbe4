// Templates of documents (README of server/features/templates).
import type { Kysely } from 'kysely'
import { publish, runAll, std, versionTrigger } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `create table document_templates (${std},
       application_id uuid references applications on delete cascade,
       user_id uuid references users on delete cascade,
       name text not null check (char_length(name) between 1 and 100),
       description text check (char_length(description) <= 500),
       content_json jsonb not null,
       content_markdown text not null,
       created_by_id uuid references users on delete set null,
       check (num_nonnulls(application_id, user_id) = 1))`,
    `create unique index document_templates_application_name_key on document_templates (application_id, lower(name))`,
    `create unique index document_templates_user_name_key on document_templates (user_id, lower(name))`,
    `create index document_templates_created_by on document_templates (created_by_id)`,
    versionTrigger('document_templates', ['name', 'description', 'content_json', 'content_markdown', 'created_by_id']),
    ...publish(['document_templates']),
  ])
