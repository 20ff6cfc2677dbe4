// Folders, documents, their content, snapshots, tags and locks (domain rules, section 2.4); mentions in documents and
// the activity of documents.
import type { Kysely } from 'kysely'
import { publish, runAll, std, versionTrigger } from './helpers.ts'

/** Exactly one of an application and a person. */
const own = `
  application_id uuid references applications on delete cascade,
  user_id uuid references users on delete cascade,
  check (num_nonnulls(application_id, user_id) = 1)`

/** A place in the knowledge base. */
const kb = `
  scope text not null check (scope in ('personal', 'application', 'project')),
  application_id uuid references applications on delete cascade,
  project_id uuid references projects on delete cascade,
  user_id uuid references users on delete cascade,
  check ((scope = 'personal') = (user_id is not null)),
  check ((scope <> 'personal') = (application_id is not null)),
  check ((scope = 'project') = (project_id is not null)),
  foreign key (project_id, application_id) references projects (id, application_id) on delete cascade`

/** What a row of the same place refers to; a key with a null in it is not checked, so one of the last three is. */
const keysOfPlace = `
  unique (id, scope), unique (id, application_id), unique (id, project_id), unique (id, user_id)`

const samePlace = (column: string, onDelete: string) =>
  ['scope', 'application_id', 'project_id', 'user_id']
    .map(part => `foreign key (${column}, ${part}) references document_folders (id, ${part}) on delete ${onDelete}`)
    .join(', ')

const trash = `
  deleted_at timestamptz,
  deleted_by_id uuid references users on delete set null,
  trash_root_id uuid,
  check ((deleted_at is null) = (trash_root_id is null))`

const rank = `rank text collate "C" not null check (rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$')`
const maker = `created_by_id uuid references users on delete set null`

const document = `document_id uuid not null references documents on delete cascade`
const ofDocument = `
  foreign key (document_id, application_id) references documents (id, application_id) on delete cascade,
  foreign key (document_id, user_id) references documents (id, user_id) on delete cascade`

const tables = [
  `create table document_folders (${std}, ${kb}, ${trash},
     parent_id uuid references document_folders on delete cascade,
     path text not null,
     depth int not null default 0 constraint document_folders_depth_check check (depth between 0 and 5),
     name text not null check (char_length(name) between 1 and 255),
     ${rank},
     ${maker},
     check (parent_id <> id),
     ${keysOfPlace},
     ${samePlace('parent_id', 'cascade')})`,
  `create index document_folders_application on document_folders (application_id)`,
  `create index document_folders_project on document_folders (project_id)`,
  `create index document_folders_user on document_folders (user_id)`,
  `create index document_folders_parent on document_folders (parent_id)`,
  `create index document_folders_below on document_folders (path text_pattern_ops)`,
  `create index document_folders_trash on document_folders (trash_root_id) where deleted_at is not null`,
  `create index document_folders_deleted_by on document_folders (deleted_by_id)`,
  `create index document_folders_created_by on document_folders (created_by_id)`,

  `create table documents (${std}, ${kb}, ${trash},
     folder_id uuid references document_folders on delete set null,
     title text not null check (char_length(title) between 1 and 255),
     ${rank},
     excerpt text not null default '' check (char_length(excerpt) <= 300),
     word_count int not null default 0 check (word_count >= 0),
     content_version int not null default 0 check (content_version >= 0),
     content_updated_at timestamptz,
     content_updated_by_id uuid references users on delete set null,
     schema_version int not null default 1,
     ${maker},
     unique (id, application_id), unique (id, user_id),
     ${samePlace('folder_id', 'set null (folder_id)')})`,
  `create index documents_application on documents (application_id)`,
  `create index documents_project on documents (project_id)`,
  `create index documents_user on documents (user_id)`,
  `create index documents_folder on documents (folder_id)`,
  `create index documents_trash on documents (trash_root_id) where deleted_at is not null`,
  `create index documents_deleted_by on documents (deleted_by_id)`,
  `create index documents_content_updated_by on documents (content_updated_by_id)`,
  `create index documents_created_by on documents (created_by_id)`,

  `create table document_contents (
     document_id uuid primary key references documents on delete cascade,
     ydoc bytea not null constraint document_contents_size_check check (octet_length(ydoc) <= 10485760),
     content_json jsonb not null,
     content_markdown text not null,
     content_plain text not null,
     attachment_ids uuid[] not null default '{}',
     updated_at timestamptz not null default now())`,

  `create table document_updates (
     id bigint generated always as identity primary key,
     ${document},
     update bytea not null,
     created_at timestamptz not null default now())`,
  `create index document_updates_document on document_updates (document_id, id)`,

  // without foreign keys: the triggers below own every row
  `create table place_names (
     scope_id uuid not null,
     folder_id uuid not null,
     name_key text not null,
     kind text not null check (kind in ('folder', 'document')),
     entity_id uuid not null unique,
     constraint place_names_name_key primary key (scope_id, folder_id, name_key))`,

  `create table document_snapshots (
     id uuid primary key,
     created_at timestamptz not null default now(),
     ${own}, ${document},
     kind text not null check (kind in ('auto', 'named', 'before_restore', 'before_replace')),
     name text check (char_length(name) between 1 and 100),
     ${maker},
     contributor_ids uuid[] not null default '{}',
     word_count int not null,
     size_bytes int not null,
     content_version int not null,
     check ((kind = 'named') = (name is not null)),
     ${ofDocument})`,
  `create index document_snapshots_document on document_snapshots (document_id, created_at desc, id desc)`,
  `create index document_snapshots_application on document_snapshots (application_id)`,
  `create index document_snapshots_user on document_snapshots (user_id)`,
  `create index document_snapshots_created_by on document_snapshots (created_by_id)`,
  `create index document_snapshots_age on document_snapshots (created_at) where kind <> 'named'`,

  `create table snapshot_contents (
     snapshot_id uuid primary key references document_snapshots on delete cascade,
     ydoc bytea not null,
     content_json jsonb not null,
     content_markdown text not null,
     content_plain text not null,
     attachment_ids uuid[] not null)`,

  `create table document_tags (${std}, ${own},
     name text not null check (char_length(name) between 1 and 100),
     color text check (color ~ '^#[0-9A-Fa-f]{6}$'),
     unique (id, application_id), unique (id, user_id))`,
  `create unique index document_tags_application_name_key on document_tags (application_id, lower(name))`,
  `create unique index document_tags_user_name_key on document_tags (user_id, lower(name))`,
  versionTrigger('document_tags', ['name', 'color']),

  `create table document_tag_assignments (
     id uuid primary key,
     created_at timestamptz not null default now(),
     ${own}, ${document},
     tag_id uuid not null references document_tags on delete cascade,
     unique (document_id, tag_id),
     ${ofDocument},
     foreign key (tag_id, application_id) references document_tags (id, application_id) on delete cascade,
     foreign key (tag_id, user_id) references document_tags (id, user_id) on delete cascade)`,
  `create index document_tag_assignments_tag on document_tag_assignments (tag_id)`,
  `create index document_tag_assignments_application on document_tag_assignments (application_id)`,
  `create index document_tag_assignments_user on document_tag_assignments (user_id)`,

  `create table document_locks (
     document_id uuid primary key references documents on delete cascade,
     ${own},
     holder_id uuid not null references users on delete cascade,
     holder_name text not null,
     acquired_at timestamptz not null,
     expires_at timestamptz not null,
     version int not null default 1 check (version >= 1),
     ${ofDocument})`,
  `create index document_locks_application on document_locks (application_id, holder_id)`,
  `create index document_locks_user on document_locks (user_id)`,
  `create index document_locks_holder on document_locks (holder_id)`,
  `create index document_locks_expiry on document_locks (expires_at)`,
]

// Path and depth follow the parent; those of the whole subtree in one statement, since only the moved row names
// parent_id. The version trigger comes behind by its name, so that it sees the new path.
const folderPaths = [
  `create function skerry_folder_path() returns trigger language plpgsql as $$
   declare above record;
   begin
     if new.parent_id is null then
       new.path := '/' || new.id || '/';
       new.depth := 0;
       return new;
     end if;
     select path, depth into above from document_folders where id = new.parent_id;
     if strpos(above.path, '/' || new.id || '/') > 0 then
       raise exception 'a folder cannot lie below itself' using errcode = '23514', constraint = 'document_folders_cycle_check';
     end if;
     -- a parent that is missing is the foreign key's to refuse
     new.path := coalesce(above.path, '/') || new.id || '/';
     new.depth := coalesce(above.depth + 1, 0);
     return new;
   end $$`,
  `create trigger document_folders_path before insert or update of parent_id on document_folders
     for each row execute function skerry_folder_path()`,
  versionTrigger('document_folders', [
    'parent_id',
    'path',
    'depth',
    'name',
    'rank',
    'created_by_id',
    'deleted_at',
    'deleted_by_id',
    'trash_root_id',
  ]),
  `create function skerry_folder_path_below() returns trigger language plpgsql as $$
   begin
     update document_folders
        set path = new.path || substr(path, length(old.path) + 1), depth = depth + new.depth - old.depth
      where path like old.path || '%' and id <> new.id;
     return null;
   end $$`,
  `create trigger document_folders_path_below after update of parent_id on document_folders for each row
     when (old.path <> new.path) execute function skerry_folder_path_below()`,
  versionTrigger('documents', [
    'folder_id',
    'title',
    'rank',
    'schema_version',
    'created_by_id',
    'deleted_at',
    'deleted_by_id',
    'trash_root_id',
  ]),
]

// Names of live folders and documents, unique together per place.
const placeName = (kind: 'folder' | 'document', table: string, name: string, folder: string) => [
  `create function skerry_${kind}_name() returns trigger language plpgsql as $$
   begin
     if tg_op = 'DELETE' then
       delete from place_names where entity_id = old.id;
     elsif new.deleted_at is not null then
       delete from place_names where entity_id = new.id;
     else
       insert into place_names (scope_id, folder_id, name_key, kind, entity_id)
       values (coalesce(new.project_id, new.application_id, new.user_id),
               coalesce(new.${folder}, '00000000-0000-0000-0000-000000000000'), lower(btrim(new.${name})), '${kind}', new.id)
       on conflict (entity_id) do update set folder_id = excluded.folder_id, name_key = excluded.name_key;
     end if;
     return null;
   end $$`,
  `create trigger ${table}_name after insert or delete or update of ${name}, ${folder}, deleted_at on ${table}
     for each row execute function skerry_${kind}_name()`,
]

// Whoever may no longer write loses the lock as well: gone, demoted to viewer, or without the project.
const lostLocks = [
  `create function skerry_lost_locks() returns trigger language plpgsql as $$
   declare
     app uuid := old.application_id;
     person uuid := old.user_id;
   begin
     delete from document_locks l using documents d
      where l.application_id = app and l.holder_id = person and d.id = l.document_id
        and not exists (
          select 1 from application_members m
           where m.application_id = app and m.user_id = person
             and (m.role = 'owner' or (m.role = 'editor' and (d.project_id is null or exists (
               select 1 from project_members p where p.project_id = d.project_id and p.user_id = person)))));
     return null;
   end $$`,
  `create trigger application_members_lost_locks after delete on application_members
     for each row execute function skerry_lost_locks()`,
  `create trigger application_members_lowered_locks after update of role on application_members for each row
     when (old.role <> new.role) execute function skerry_lost_locks()`,
  `create trigger project_members_lost_locks after delete on project_members
     for each row execute function skerry_lost_locks()`,
]

const existing = [
  `alter table mentions alter column comment_id drop not null`,
  `alter table mentions add column document_id uuid references documents on delete cascade`,
  `alter table mentions add constraint mentions_source_check check (num_nonnulls(comment_id, document_id) = 1)`,
  `alter table mentions add constraint mentions_document_user_key unique (document_id, user_id)`,
  `alter table mentions add constraint mentions_document_application_fkey
     foreign key (document_id, application_id) references documents (id, application_id) on delete cascade`,
  `alter table activities add column document_id uuid`,
  `create index activities_document on activities (document_id, created_at desc, id desc) where document_id is not null`,
]

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    ...tables,
    ...folderPaths,
    ...placeName('folder', 'document_folders', 'name', 'parent_id'),
    ...placeName('document', 'documents', 'title', 'folder_id'),
    ...lostLocks,
    ...existing,
    ...publish(['document_folders', 'documents', 'document_tags', 'document_tag_assignments', 'document_locks']),
  ])
