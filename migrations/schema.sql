-- Printed from pg_catalog by `npm run generate`; CI compares. Do not edit.
create table activities (
  id uuid not null,
  created_at timestamp with time zone not null default now(),
  application_id uuid,
  user_id uuid,
  project_id uuid,
  task_id uuid,
  actor_id uuid,
  actor_name text not null,
  actor_kind text not null,
  action text not null,
  entity_type text not null,
  entity_id uuid not null,
  entity_label text not null,
  changes jsonb not null default '{}'::jsonb,
  superseded jsonb not null default '{}'::jsonb,
  edited_at timestamp with time zone not null,
  via text not null,
  transaction_id uuid,
  visibility text not null default 'members'::text,
  request_id text,
  document_id uuid
);
alter table activities add constraint activities_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES users(id) ON DELETE SET NULL;
alter table activities add constraint activities_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['user'::text, 'api_token'::text, 'system'::text, 'import'::text])));
alter table activities add constraint activities_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table activities add constraint activities_entity_label_check CHECK ((char_length(entity_label) <= 300));
alter table activities add constraint activities_pkey PRIMARY KEY (id);
alter table activities add constraint activities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table activities add constraint activities_via_check CHECK ((via = ANY (ARRAY['desktop'::text, 'web'::text, 'api'::text, 'transaction'::text, 'socket'::text, 'job'::text, 'import'::text])));
alter table activities add constraint activities_visibility_check CHECK ((visibility = ANY (ARRAY['members'::text, 'owners'::text])));
CREATE INDEX activities_actor ON public.activities USING btree (actor_id);
CREATE INDEX activities_application ON public.activities USING btree (application_id, created_at DESC, id DESC);
CREATE INDEX activities_document ON public.activities USING btree (document_id, created_at DESC, id DESC) WHERE (document_id IS NOT NULL);
CREATE INDEX activities_project ON public.activities USING btree (project_id, created_at DESC, id DESC);
CREATE INDEX activities_task ON public.activities USING btree (task_id, created_at DESC, id DESC);
CREATE INDEX activities_user ON public.activities USING btree (user_id);

create table api_tokens (
  id uuid not null,
  created_at timestamp with time zone not null default now(),
  user_id uuid not null,
  name text not null,
  token_hash text not null,
  prefix text not null,
  scopes text[] not null,
  application_ids uuid[],
  last_used_at timestamp with time zone,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone
);
alter table api_tokens add constraint api_tokens_application_ids_check CHECK ((cardinality(application_ids) > 0));
alter table api_tokens add constraint api_tokens_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table api_tokens add constraint api_tokens_pkey PRIMARY KEY (id);
alter table api_tokens add constraint api_tokens_prefix_check CHECK ((char_length(prefix) = 8));
alter table api_tokens add constraint api_tokens_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text, 'files'::text, 'collab'::text, 'admin'::text])));
alter table api_tokens add constraint api_tokens_token_hash_check CHECK ((token_hash ~ '^[0-9a-f]{64}$'::text));
alter table api_tokens add constraint api_tokens_token_hash_key UNIQUE (token_hash);
alter table api_tokens add constraint api_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX api_tokens_user ON public.api_tokens USING btree (user_id);

create table application_members (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  user_id uuid not null,
  role text not null,
  display_name text not null,
  avatar_url text,
  invitation_id uuid
);
alter table application_members replica identity full;
alter table application_members add constraint application_members_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table application_members add constraint application_members_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES invitations(id) ON DELETE SET NULL;
alter table application_members add constraint application_members_pkey PRIMARY KEY (id);
alter table application_members add constraint application_members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])));
alter table application_members add constraint application_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table application_members add constraint application_members_user_key UNIQUE (application_id, user_id);
alter table application_members add constraint application_members_version_check CHECK ((version >= 1));
CREATE INDEX application_members_invitation ON public.application_members USING btree (invitation_id);
CREATE INDEX application_members_user ON public.application_members USING btree (user_id);
CREATE CONSTRAINT TRIGGER application_members_last_owner AFTER DELETE OR UPDATE ON public.application_members DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((old.role = 'owner'::text)) EXECUTE FUNCTION skerry_last_owner();
CREATE TRIGGER application_members_count AFTER INSERT OR DELETE ON public.application_members FOR EACH ROW EXECUTE FUNCTION skerry_members_count();
CREATE TRIGGER application_members_demoted AFTER UPDATE OF role ON public.application_members FOR EACH ROW WHEN (((new.role = 'viewer'::text) AND (old.role <> 'viewer'::text))) EXECUTE FUNCTION skerry_demoted();
CREATE TRIGGER application_members_lost_locks AFTER DELETE ON public.application_members FOR EACH ROW EXECUTE FUNCTION skerry_lost_locks();
CREATE TRIGGER application_members_lowered_locks AFTER UPDATE OF role ON public.application_members FOR EACH ROW WHEN ((old.role <> new.role)) EXECUTE FUNCTION skerry_lost_locks();
CREATE TRIGGER application_members_names BEFORE INSERT ON public.application_members FOR EACH ROW EXECUTE FUNCTION skerry_member_names();
CREATE TRIGGER application_members_version BEFORE UPDATE ON public.application_members FOR EACH ROW WHEN (((old.role IS DISTINCT FROM new.role) OR (old.invitation_id IS DISTINCT FROM new.invitation_id))) EXECUTE FUNCTION skerry_bump_version();

create table applications (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  name text not null,
  description text,
  editors_may_add_editors boolean not null default true,
  created_by_id uuid,
  archived_at timestamp with time zone,
  projects_count integer not null default 0,
  members_count integer not null default 0
);
alter table applications replica identity full;
alter table applications add constraint applications_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table applications add constraint applications_description_check CHECK ((char_length(description) <= 10000));
alter table applications add constraint applications_members_count_check CHECK ((members_count >= 0));
alter table applications add constraint applications_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255)));
alter table applications add constraint applications_pkey PRIMARY KEY (id);
alter table applications add constraint applications_projects_count_check CHECK ((projects_count >= 0));
alter table applications add constraint applications_version_check CHECK ((version >= 1));
CREATE INDEX applications_created_by ON public.applications USING btree (created_by_id);
CREATE TRIGGER applications_version BEFORE UPDATE ON public.applications FOR EACH ROW WHEN ((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.editors_may_add_editors IS DISTINCT FROM new.editors_may_add_editors)) OR (old.created_by_id IS DISTINCT FROM new.created_by_id)) OR (old.archived_at IS DISTINCT FROM new.archived_at))) EXECUTE FUNCTION skerry_bump_version();

create table applied_transactions (
  id uuid not null,
  user_id uuid not null,
  request_hash text not null,
  outcome text not null,
  result text not null,
  created_at timestamp with time zone not null default now()
);
alter table applied_transactions add constraint applied_transactions_outcome_check CHECK ((outcome = ANY (ARRAY['applied'::text, 'rejected'::text])));
alter table applied_transactions add constraint applied_transactions_pkey PRIMARY KEY (id);
alter table applied_transactions add constraint applied_transactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX applied_transactions_age ON public.applied_transactions USING btree (created_at);
CREATE INDEX applied_transactions_user ON public.applied_transactions USING btree (user_id);

create table checklist_items (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  project_id uuid not null,
  task_id uuid not null,
  checklist_id uuid not null,
  content text not null,
  is_done boolean not null default false,
  completed_by_id uuid,
  completed_at timestamp with time zone,
  rank text collate "C" not null
);
alter table checklist_items replica identity full;
alter table checklist_items add constraint checklist_items_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_check CHECK ((is_done = (completed_at IS NOT NULL)));
alter table checklist_items add constraint checklist_items_checklist_id_fkey FOREIGN KEY (checklist_id) REFERENCES checklists(id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_checklist_id_task_id_fkey FOREIGN KEY (checklist_id, task_id) REFERENCES checklists(id, task_id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_completed_by_id_fkey FOREIGN KEY (completed_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table checklist_items add constraint checklist_items_content_check CHECK (((char_length(content) >= 1) AND (char_length(content) <= 10000)));
alter table checklist_items add constraint checklist_items_pkey PRIMARY KEY (id);
alter table checklist_items add constraint checklist_items_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_rank_check CHECK ((rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$'::text));
alter table checklist_items add constraint checklist_items_task_id_application_id_fkey FOREIGN KEY (task_id, application_id) REFERENCES tasks(id, application_id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_task_id_project_id_fkey FOREIGN KEY (task_id, project_id) REFERENCES tasks(id, project_id) ON DELETE CASCADE;
alter table checklist_items add constraint checklist_items_version_check CHECK ((version >= 1));
CREATE INDEX checklist_items_completed_by ON public.checklist_items USING btree (completed_by_id);
CREATE INDEX checklist_items_list ON public.checklist_items USING btree (checklist_id, rank, id);
CREATE INDEX checklist_items_project ON public.checklist_items USING btree (project_id);
CREATE INDEX checklist_items_task ON public.checklist_items USING btree (task_id);
CREATE TRIGGER checklist_items_count AFTER INSERT OR DELETE ON public.checklist_items FOR EACH ROW EXECUTE FUNCTION skerry_item_count();
CREATE TRIGGER checklist_items_recount AFTER UPDATE ON public.checklist_items FOR EACH ROW WHEN (((old.is_done <> new.is_done) OR (old.checklist_id <> new.checklist_id))) EXECUTE FUNCTION skerry_item_count();
CREATE TRIGGER checklist_items_version BEFORE UPDATE ON public.checklist_items FOR EACH ROW WHEN (((((((old.content IS DISTINCT FROM new.content) OR (old.is_done IS DISTINCT FROM new.is_done)) OR (old.completed_by_id IS DISTINCT FROM new.completed_by_id)) OR (old.completed_at IS DISTINCT FROM new.completed_at)) OR (old.rank IS DISTINCT FROM new.rank)) OR (old.checklist_id IS DISTINCT FROM new.checklist_id))) EXECUTE FUNCTION skerry_bump_version();

create table checklists (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  project_id uuid not null,
  task_id uuid not null,
  title text not null,
  rank text collate "C" not null,
  total_items integer not null default 0,
  completed_items integer not null default 0
);
alter table checklists replica identity full;
alter table checklists add constraint checklists_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table checklists add constraint checklists_check CHECK (((completed_items >= 0) AND (completed_items <= total_items)));
alter table checklists add constraint checklists_id_task_id_key UNIQUE (id, task_id);
alter table checklists add constraint checklists_pkey PRIMARY KEY (id);
alter table checklists add constraint checklists_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table checklists add constraint checklists_rank_check CHECK ((rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$'::text));
alter table checklists add constraint checklists_task_id_application_id_fkey FOREIGN KEY (task_id, application_id) REFERENCES tasks(id, application_id) ON DELETE CASCADE;
alter table checklists add constraint checklists_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE;
alter table checklists add constraint checklists_task_id_project_id_fkey FOREIGN KEY (task_id, project_id) REFERENCES tasks(id, project_id) ON DELETE CASCADE;
alter table checklists add constraint checklists_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 255)));
alter table checklists add constraint checklists_version_check CHECK ((version >= 1));
CREATE INDEX checklists_project ON public.checklists USING btree (project_id);
CREATE INDEX checklists_task ON public.checklists USING btree (task_id, rank, id);
CREATE TRIGGER checklists_version BEFORE UPDATE ON public.checklists FOR EACH ROW WHEN (((old.title IS DISTINCT FROM new.title) OR (old.rank IS DISTINCT FROM new.rank))) EXECUTE FUNCTION skerry_bump_version();

create table collab_tokens (
  token_hash text not null,
  session_public_id uuid,
  api_token_id uuid,
  expires_at timestamp with time zone not null
);
alter table collab_tokens add constraint collab_tokens_api_token_id_fkey FOREIGN KEY (api_token_id) REFERENCES api_tokens(id) ON DELETE CASCADE;
alter table collab_tokens add constraint collab_tokens_check CHECK ((num_nonnulls(session_public_id, api_token_id) = 1));
alter table collab_tokens add constraint collab_tokens_pkey PRIMARY KEY (token_hash);
alter table collab_tokens add constraint collab_tokens_session_public_id_fkey FOREIGN KEY (session_public_id) REFERENCES sessions(public_id) ON DELETE CASCADE;
alter table collab_tokens add constraint collab_tokens_token_hash_check CHECK ((token_hash ~ '^[0-9a-f]{64}$'::text));
CREATE INDEX collab_tokens_api_token ON public.collab_tokens USING btree (api_token_id);
CREATE INDEX collab_tokens_expiry ON public.collab_tokens USING btree (expires_at);
CREATE INDEX collab_tokens_session ON public.collab_tokens USING btree (session_public_id);

create table comments (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  project_id uuid not null,
  task_id uuid not null,
  parent_id uuid,
  author_id uuid,
  author_name text not null,
  body jsonb,
  body_text text not null default ''::text,
  body_edited_at timestamp with time zone,
  deleted_at timestamp with time zone,
  deleted_by_id uuid,
  body_bytes integer not null default 0
);
alter table comments replica identity full;
alter table comments add constraint comments_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table comments add constraint comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES users(id) ON DELETE SET NULL;
alter table comments add constraint comments_check CHECK (((body IS NULL) = (deleted_at IS NOT NULL)));
alter table comments add constraint comments_deleted_by_id_fkey FOREIGN KEY (deleted_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table comments add constraint comments_id_application_id_key UNIQUE (id, application_id);
alter table comments add constraint comments_id_task_id_key UNIQUE (id, task_id);
alter table comments add constraint comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES comments(id) ON DELETE CASCADE;
alter table comments add constraint comments_parent_id_task_id_fkey FOREIGN KEY (parent_id, task_id) REFERENCES comments(id, task_id) ON DELETE CASCADE;
alter table comments add constraint comments_pkey PRIMARY KEY (id);
alter table comments add constraint comments_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table comments add constraint comments_task_id_application_id_fkey FOREIGN KEY (task_id, application_id) REFERENCES tasks(id, application_id) ON DELETE CASCADE;
alter table comments add constraint comments_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE;
alter table comments add constraint comments_task_id_project_id_fkey FOREIGN KEY (task_id, project_id) REFERENCES tasks(id, project_id) ON DELETE CASCADE;
alter table comments add constraint comments_version_check CHECK ((version >= 1));
CREATE INDEX comments_author ON public.comments USING btree (author_id);
CREATE INDEX comments_deleted_by ON public.comments USING btree (deleted_by_id);
CREATE INDEX comments_parent ON public.comments USING btree (parent_id);
CREATE INDEX comments_project ON public.comments USING btree (project_id);
CREATE INDEX comments_task ON public.comments USING btree (task_id, created_at);
CREATE TRIGGER comments_count AFTER INSERT OR DELETE OR UPDATE OF deleted_at ON public.comments FOR EACH ROW EXECUTE FUNCTION skerry_comment_count();
CREATE TRIGGER comments_version BEFORE UPDATE ON public.comments FOR EACH ROW WHEN ((((((((old.body IS DISTINCT FROM new.body) OR (old.body_text IS DISTINCT FROM new.body_text)) OR (old.body_edited_at IS DISTINCT FROM new.body_edited_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.deleted_by_id IS DISTINCT FROM new.deleted_by_id)) OR (old.author_name IS DISTINCT FROM new.author_name)) OR (old.author_id IS DISTINCT FROM new.author_id))) EXECUTE FUNCTION skerry_bump_version();
CREATE TRIGGER count_body_bytes BEFORE INSERT OR UPDATE OF body ON public.comments FOR EACH ROW EXECUTE FUNCTION count_body_bytes();

create table document_comments (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid,
  user_id uuid,
  document_id uuid not null,
  parent_id uuid,
  author_id uuid,
  author_name text not null,
  body jsonb,
  body_text text not null default ''::text,
  body_edited_at timestamp with time zone,
  anchor_start text,
  anchor_end text,
  quote text,
  resolved_at timestamp with time zone,
  resolved_by_id uuid,
  deleted_at timestamp with time zone,
  deleted_by_id uuid,
  body_bytes integer not null default 0
);
alter table document_comments replica identity full;
alter table document_comments add constraint document_comments_anchor_end_check CHECK ((char_length(anchor_end) <= 200));
alter table document_comments add constraint document_comments_anchor_start_check CHECK ((char_length(anchor_start) <= 200));
alter table document_comments add constraint document_comments_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_comments add constraint document_comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_comments add constraint document_comments_check CHECK ((num_nonnulls(application_id, user_id) = 1));
alter table document_comments add constraint document_comments_check1 CHECK (((body IS NULL) = (deleted_at IS NOT NULL)));
alter table document_comments add constraint document_comments_check2 CHECK ((num_nonnulls(anchor_start, anchor_end, quote) = ANY (ARRAY[0, 3])));
alter table document_comments add constraint document_comments_check3 CHECK (((parent_id IS NULL) OR (num_nonnulls(anchor_start, resolved_at) = 0)));
alter table document_comments add constraint document_comments_deleted_by_id_fkey FOREIGN KEY (deleted_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_comments add constraint document_comments_document_id_application_id_fkey FOREIGN KEY (document_id, application_id) REFERENCES documents(id, application_id) ON DELETE CASCADE;
alter table document_comments add constraint document_comments_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table document_comments add constraint document_comments_document_id_user_id_fkey FOREIGN KEY (document_id, user_id) REFERENCES documents(id, user_id) ON DELETE CASCADE;
alter table document_comments add constraint document_comments_id_document_id_key UNIQUE (id, document_id);
alter table document_comments add constraint document_comments_parent_id_document_id_fkey FOREIGN KEY (parent_id, document_id) REFERENCES document_comments(id, document_id) ON DELETE CASCADE;
alter table document_comments add constraint document_comments_pkey PRIMARY KEY (id);
alter table document_comments add constraint document_comments_quote_check CHECK ((char_length(quote) <= 500));
alter table document_comments add constraint document_comments_resolved_by_id_fkey FOREIGN KEY (resolved_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_comments add constraint document_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table document_comments add constraint document_comments_version_check CHECK ((version >= 1));
CREATE INDEX document_comments_application ON public.document_comments USING btree (application_id);
CREATE INDEX document_comments_author ON public.document_comments USING btree (author_id);
CREATE INDEX document_comments_deleted_by ON public.document_comments USING btree (deleted_by_id);
CREATE INDEX document_comments_document ON public.document_comments USING btree (document_id, created_at);
CREATE INDEX document_comments_parent ON public.document_comments USING btree (parent_id);
CREATE INDEX document_comments_resolved_by ON public.document_comments USING btree (resolved_by_id);
CREATE INDEX document_comments_user ON public.document_comments USING btree (user_id);
CREATE TRIGGER count_body_bytes BEFORE INSERT OR UPDATE OF body ON public.document_comments FOR EACH ROW EXECUTE FUNCTION count_body_bytes();
CREATE TRIGGER document_comments_version BEFORE UPDATE ON public.document_comments FOR EACH ROW WHEN ((((((((old.body IS DISTINCT FROM new.body) OR (old.body_text IS DISTINCT FROM new.body_text)) OR (old.body_edited_at IS DISTINCT FROM new.body_edited_at)) OR (old.resolved_at IS DISTINCT FROM new.resolved_at)) OR (old.resolved_by_id IS DISTINCT FROM new.resolved_by_id)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.deleted_by_id IS DISTINCT FROM new.deleted_by_id))) EXECUTE FUNCTION skerry_bump_version();

create table document_contents (
  document_id uuid not null,
  ydoc bytea not null,
  content_json jsonb not null,
  content_markdown text not null,
  content_plain text not null,
  attachment_ids uuid[] not null default '{}'::uuid[],
  updated_at timestamp with time zone not null default now(),
  contributor_ids uuid[] not null default '{}'::uuid[]
);
alter table document_contents add constraint document_contents_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table document_contents add constraint document_contents_pkey PRIMARY KEY (document_id);
alter table document_contents add constraint document_contents_size_check CHECK ((octet_length(ydoc) <= 67108864));

create table document_folders (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  scope text not null,
  application_id uuid,
  project_id uuid,
  user_id uuid,
  deleted_at timestamp with time zone,
  deleted_by_id uuid,
  trash_root_id uuid,
  parent_id uuid,
  path text not null,
  depth integer not null default 0,
  name text not null,
  rank text collate "C" not null,
  created_by_id uuid
);
alter table document_folders replica identity full;
alter table document_folders add constraint document_folders_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_check CHECK (((scope = 'personal'::text) = (user_id IS NOT NULL)));
alter table document_folders add constraint document_folders_check1 CHECK (((scope <> 'personal'::text) = (application_id IS NOT NULL)));
alter table document_folders add constraint document_folders_check2 CHECK (((scope = 'project'::text) = (project_id IS NOT NULL)));
alter table document_folders add constraint document_folders_check3 CHECK (((deleted_at IS NULL) = (trash_root_id IS NULL)));
alter table document_folders add constraint document_folders_check4 CHECK ((parent_id <> id));
alter table document_folders add constraint document_folders_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_folders add constraint document_folders_deleted_by_id_fkey FOREIGN KEY (deleted_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_folders add constraint document_folders_depth_check CHECK (((depth >= 0) AND (depth <= 5)));
alter table document_folders add constraint document_folders_id_application_id_key UNIQUE (id, application_id);
alter table document_folders add constraint document_folders_id_project_id_key UNIQUE (id, project_id);
alter table document_folders add constraint document_folders_id_scope_key UNIQUE (id, scope);
alter table document_folders add constraint document_folders_id_user_id_key UNIQUE (id, user_id);
alter table document_folders add constraint document_folders_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255)));
alter table document_folders add constraint document_folders_parent_id_application_id_fkey FOREIGN KEY (parent_id, application_id) REFERENCES document_folders(id, application_id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES document_folders(id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_parent_id_project_id_fkey FOREIGN KEY (parent_id, project_id) REFERENCES document_folders(id, project_id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_parent_id_scope_fkey FOREIGN KEY (parent_id, scope) REFERENCES document_folders(id, scope) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_parent_id_user_id_fkey FOREIGN KEY (parent_id, user_id) REFERENCES document_folders(id, user_id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_pkey PRIMARY KEY (id);
alter table document_folders add constraint document_folders_project_id_application_id_fkey FOREIGN KEY (project_id, application_id) REFERENCES projects(id, application_id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_rank_check CHECK ((rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$'::text));
alter table document_folders add constraint document_folders_scope_check CHECK ((scope = ANY (ARRAY['personal'::text, 'application'::text, 'project'::text])));
alter table document_folders add constraint document_folders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table document_folders add constraint document_folders_version_check CHECK ((version >= 1));
CREATE INDEX document_folders_application ON public.document_folders USING btree (application_id);
CREATE INDEX document_folders_below ON public.document_folders USING btree (path text_pattern_ops);
CREATE INDEX document_folders_created_by ON public.document_folders USING btree (created_by_id);
CREATE INDEX document_folders_deleted_by ON public.document_folders USING btree (deleted_by_id);
CREATE INDEX document_folders_parent ON public.document_folders USING btree (parent_id);
CREATE INDEX document_folders_project ON public.document_folders USING btree (project_id);
CREATE INDEX document_folders_trash ON public.document_folders USING btree (trash_root_id) WHERE (deleted_at IS NOT NULL);
CREATE INDEX document_folders_user ON public.document_folders USING btree (user_id);
CREATE TRIGGER document_folders_name AFTER INSERT OR DELETE OR UPDATE OF name, parent_id, deleted_at ON public.document_folders FOR EACH ROW EXECUTE FUNCTION skerry_folder_name();
CREATE TRIGGER document_folders_path BEFORE INSERT OR UPDATE OF parent_id ON public.document_folders FOR EACH ROW EXECUTE FUNCTION skerry_folder_path();
CREATE TRIGGER document_folders_path_below AFTER UPDATE OF parent_id ON public.document_folders FOR EACH ROW WHEN ((old.path <> new.path)) EXECUTE FUNCTION skerry_folder_path_below();
CREATE TRIGGER document_folders_version BEFORE UPDATE ON public.document_folders FOR EACH ROW WHEN ((((((((((old.parent_id IS DISTINCT FROM new.parent_id) OR (old.path IS DISTINCT FROM new.path)) OR (old.depth IS DISTINCT FROM new.depth)) OR (old.name IS DISTINCT FROM new.name)) OR (old.rank IS DISTINCT FROM new.rank)) OR (old.created_by_id IS DISTINCT FROM new.created_by_id)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.deleted_by_id IS DISTINCT FROM new.deleted_by_id)) OR (old.trash_root_id IS DISTINCT FROM new.trash_root_id))) EXECUTE FUNCTION skerry_bump_version();

create table document_locks (
  document_id uuid not null,
  application_id uuid,
  user_id uuid,
  holder_id uuid not null,
  holder_name text not null,
  acquired_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  version integer not null default 1
);
alter table document_locks replica identity full;
alter table document_locks add constraint document_locks_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_locks add constraint document_locks_check CHECK ((num_nonnulls(application_id, user_id) = 1));
alter table document_locks add constraint document_locks_document_id_application_id_fkey FOREIGN KEY (document_id, application_id) REFERENCES documents(id, application_id) ON DELETE CASCADE;
alter table document_locks add constraint document_locks_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table document_locks add constraint document_locks_document_id_user_id_fkey FOREIGN KEY (document_id, user_id) REFERENCES documents(id, user_id) ON DELETE CASCADE;
alter table document_locks add constraint document_locks_holder_id_fkey FOREIGN KEY (holder_id) REFERENCES users(id) ON DELETE CASCADE;
alter table document_locks add constraint document_locks_pkey PRIMARY KEY (document_id);
alter table document_locks add constraint document_locks_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table document_locks add constraint document_locks_version_check CHECK ((version >= 1));
CREATE INDEX document_locks_application ON public.document_locks USING btree (application_id, holder_id);
CREATE INDEX document_locks_expiry ON public.document_locks USING btree (expires_at);
CREATE INDEX document_locks_holder ON public.document_locks USING btree (holder_id);
CREATE INDEX document_locks_user ON public.document_locks USING btree (user_id);

create table document_snapshots (
  id uuid not null,
  created_at timestamp with time zone not null default now(),
  application_id uuid,
  user_id uuid,
  document_id uuid not null,
  kind text not null,
  name text,
  created_by_id uuid,
  contributor_ids uuid[] not null default '{}'::uuid[],
  word_count integer not null,
  size_bytes integer not null,
  content_version integer not null
);
alter table document_snapshots add constraint document_snapshots_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_snapshots add constraint document_snapshots_check CHECK ((num_nonnulls(application_id, user_id) = 1));
alter table document_snapshots add constraint document_snapshots_check1 CHECK (((kind = 'named'::text) = (name IS NOT NULL)));
alter table document_snapshots add constraint document_snapshots_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_snapshots add constraint document_snapshots_document_id_application_id_fkey FOREIGN KEY (document_id, application_id) REFERENCES documents(id, application_id) ON DELETE CASCADE;
alter table document_snapshots add constraint document_snapshots_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table document_snapshots add constraint document_snapshots_document_id_user_id_fkey FOREIGN KEY (document_id, user_id) REFERENCES documents(id, user_id) ON DELETE CASCADE;
alter table document_snapshots add constraint document_snapshots_kind_check CHECK ((kind = ANY (ARRAY['auto'::text, 'named'::text, 'before_restore'::text, 'before_replace'::text])));
alter table document_snapshots add constraint document_snapshots_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table document_snapshots add constraint document_snapshots_pkey PRIMARY KEY (id);
alter table document_snapshots add constraint document_snapshots_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX document_snapshots_age ON public.document_snapshots USING btree (created_at) WHERE (kind <> 'named'::text);
CREATE INDEX document_snapshots_application ON public.document_snapshots USING btree (application_id);
CREATE INDEX document_snapshots_created_by ON public.document_snapshots USING btree (created_by_id);
CREATE INDEX document_snapshots_document ON public.document_snapshots USING btree (document_id, created_at DESC, id DESC);
CREATE INDEX document_snapshots_user ON public.document_snapshots USING btree (user_id);

create table document_tag_assignments (
  id uuid not null,
  created_at timestamp with time zone not null default now(),
  application_id uuid,
  user_id uuid,
  document_id uuid not null,
  tag_id uuid not null
);
alter table document_tag_assignments replica identity full;
alter table document_tag_assignments add constraint document_tag_assignments_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_check CHECK ((num_nonnulls(application_id, user_id) = 1));
alter table document_tag_assignments add constraint document_tag_assignments_document_id_application_id_fkey FOREIGN KEY (document_id, application_id) REFERENCES documents(id, application_id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_document_id_tag_id_key UNIQUE (document_id, tag_id);
alter table document_tag_assignments add constraint document_tag_assignments_document_id_user_id_fkey FOREIGN KEY (document_id, user_id) REFERENCES documents(id, user_id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_pkey PRIMARY KEY (id);
alter table document_tag_assignments add constraint document_tag_assignments_tag_id_application_id_fkey FOREIGN KEY (tag_id, application_id) REFERENCES document_tags(id, application_id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES document_tags(id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_tag_id_user_id_fkey FOREIGN KEY (tag_id, user_id) REFERENCES document_tags(id, user_id) ON DELETE CASCADE;
alter table document_tag_assignments add constraint document_tag_assignments_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX document_tag_assignments_application ON public.document_tag_assignments USING btree (application_id);
CREATE INDEX document_tag_assignments_tag ON public.document_tag_assignments USING btree (tag_id);
CREATE INDEX document_tag_assignments_user ON public.document_tag_assignments USING btree (user_id);

create table document_tags (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid,
  user_id uuid,
  name text not null,
  color text
);
alter table document_tags replica identity full;
alter table document_tags add constraint document_tags_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_tags add constraint document_tags_check CHECK ((num_nonnulls(application_id, user_id) = 1));
alter table document_tags add constraint document_tags_color_check CHECK ((color ~ '^#[0-9A-Fa-f]{6}$'::text));
alter table document_tags add constraint document_tags_id_application_id_key UNIQUE (id, application_id);
alter table document_tags add constraint document_tags_id_user_id_key UNIQUE (id, user_id);
alter table document_tags add constraint document_tags_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table document_tags add constraint document_tags_pkey PRIMARY KEY (id);
alter table document_tags add constraint document_tags_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table document_tags add constraint document_tags_version_check CHECK ((version >= 1));
CREATE UNIQUE INDEX document_tags_application_name_key ON public.document_tags USING btree (application_id, lower(name));
CREATE UNIQUE INDEX document_tags_user_name_key ON public.document_tags USING btree (user_id, lower(name));
CREATE TRIGGER document_tags_version BEFORE UPDATE ON public.document_tags FOR EACH ROW WHEN (((old.name IS DISTINCT FROM new.name) OR (old.color IS DISTINCT FROM new.color))) EXECUTE FUNCTION skerry_bump_version();

create table document_templates (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid,
  user_id uuid,
  name text not null,
  description text,
  content_json jsonb not null,
  content_markdown text not null,
  created_by_id uuid
);
alter table document_templates replica identity full;
alter table document_templates add constraint document_templates_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table document_templates add constraint document_templates_check CHECK ((num_nonnulls(application_id, user_id) = 1));
alter table document_templates add constraint document_templates_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table document_templates add constraint document_templates_description_check CHECK ((char_length(description) <= 500));
alter table document_templates add constraint document_templates_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table document_templates add constraint document_templates_pkey PRIMARY KEY (id);
alter table document_templates add constraint document_templates_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table document_templates add constraint document_templates_version_check CHECK ((version >= 1));
CREATE INDEX document_templates_created_by ON public.document_templates USING btree (created_by_id);
CREATE UNIQUE INDEX document_templates_application_name_key ON public.document_templates USING btree (application_id, lower(name));
CREATE UNIQUE INDEX document_templates_user_name_key ON public.document_templates USING btree (user_id, lower(name));
CREATE TRIGGER document_templates_version BEFORE UPDATE ON public.document_templates FOR EACH ROW WHEN ((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.content_json IS DISTINCT FROM new.content_json)) OR (old.content_markdown IS DISTINCT FROM new.content_markdown)) OR (old.created_by_id IS DISTINCT FROM new.created_by_id))) EXECUTE FUNCTION skerry_bump_version();

create table document_updates (
  id bigint not null,
  document_id uuid not null,
  update bytea not null,
  created_at timestamp with time zone not null default now()
);
alter table document_updates add constraint document_updates_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table document_updates add constraint document_updates_pkey PRIMARY KEY (id);
CREATE INDEX document_updates_document ON public.document_updates USING btree (document_id, id);

create table documents (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  scope text not null,
  application_id uuid,
  project_id uuid,
  user_id uuid,
  deleted_at timestamp with time zone,
  deleted_by_id uuid,
  trash_root_id uuid,
  folder_id uuid,
  title text not null,
  rank text collate "C" not null,
  excerpt text not null default ''::text,
  word_count integer not null default 0,
  content_version integer not null default 0,
  content_updated_at timestamp with time zone,
  content_updated_by_id uuid,
  schema_version integer not null default 1,
  created_by_id uuid
);
alter table documents replica identity full;
alter table documents add constraint documents_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table documents add constraint documents_check CHECK (((scope = 'personal'::text) = (user_id IS NOT NULL)));
alter table documents add constraint documents_check1 CHECK (((scope <> 'personal'::text) = (application_id IS NOT NULL)));
alter table documents add constraint documents_check2 CHECK (((scope = 'project'::text) = (project_id IS NOT NULL)));
alter table documents add constraint documents_check3 CHECK (((deleted_at IS NULL) = (trash_root_id IS NULL)));
alter table documents add constraint documents_content_updated_by_id_fkey FOREIGN KEY (content_updated_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table documents add constraint documents_content_version_check CHECK ((content_version >= 0));
alter table documents add constraint documents_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table documents add constraint documents_deleted_by_id_fkey FOREIGN KEY (deleted_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table documents add constraint documents_excerpt_check CHECK ((char_length(excerpt) <= 300));
alter table documents add constraint documents_folder_id_application_id_fkey FOREIGN KEY (folder_id, application_id) REFERENCES document_folders(id, application_id) ON DELETE SET NULL (folder_id);
alter table documents add constraint documents_folder_id_fkey FOREIGN KEY (folder_id) REFERENCES document_folders(id) ON DELETE SET NULL;
alter table documents add constraint documents_folder_id_project_id_fkey FOREIGN KEY (folder_id, project_id) REFERENCES document_folders(id, project_id) ON DELETE SET NULL (folder_id);
alter table documents add constraint documents_folder_id_scope_fkey FOREIGN KEY (folder_id, scope) REFERENCES document_folders(id, scope) ON DELETE SET NULL (folder_id);
alter table documents add constraint documents_folder_id_user_id_fkey FOREIGN KEY (folder_id, user_id) REFERENCES document_folders(id, user_id) ON DELETE SET NULL (folder_id);
alter table documents add constraint documents_id_application_id_key UNIQUE (id, application_id);
alter table documents add constraint documents_id_user_id_key UNIQUE (id, user_id);
alter table documents add constraint documents_pkey PRIMARY KEY (id);
alter table documents add constraint documents_project_id_application_id_fkey FOREIGN KEY (project_id, application_id) REFERENCES projects(id, application_id) ON DELETE CASCADE;
alter table documents add constraint documents_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table documents add constraint documents_rank_check CHECK ((rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$'::text));
alter table documents add constraint documents_scope_check CHECK ((scope = ANY (ARRAY['personal'::text, 'application'::text, 'project'::text])));
alter table documents add constraint documents_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 255)));
alter table documents add constraint documents_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table documents add constraint documents_version_check CHECK ((version >= 1));
alter table documents add constraint documents_word_count_check CHECK ((word_count >= 0));
CREATE INDEX documents_application ON public.documents USING btree (application_id);
CREATE INDEX documents_content_updated_by ON public.documents USING btree (content_updated_by_id);
CREATE INDEX documents_created_by ON public.documents USING btree (created_by_id);
CREATE INDEX documents_deleted_by ON public.documents USING btree (deleted_by_id);
CREATE INDEX documents_folder ON public.documents USING btree (folder_id);
CREATE INDEX documents_project ON public.documents USING btree (project_id);
CREATE INDEX documents_trash ON public.documents USING btree (trash_root_id) WHERE (deleted_at IS NOT NULL);
CREATE INDEX documents_user ON public.documents USING btree (user_id);
CREATE TRIGGER documents_name AFTER INSERT OR DELETE OR UPDATE OF title, folder_id, deleted_at ON public.documents FOR EACH ROW EXECUTE FUNCTION skerry_document_name();
CREATE TRIGGER documents_version BEFORE UPDATE ON public.documents FOR EACH ROW WHEN (((((((((old.folder_id IS DISTINCT FROM new.folder_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.rank IS DISTINCT FROM new.rank)) OR (old.schema_version IS DISTINCT FROM new.schema_version)) OR (old.created_by_id IS DISTINCT FROM new.created_by_id)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.deleted_by_id IS DISTINCT FROM new.deleted_by_id)) OR (old.trash_root_id IS DISTINCT FROM new.trash_root_id))) EXECUTE FUNCTION skerry_bump_version();

create table external_refs (
  application_id uuid not null,
  container_id uuid not null,
  source text not null,
  external_id text not null,
  entity_type text not null,
  entity_id uuid not null,
  source_hash text,
  content_version integer,
  fields_hash text
);
alter table external_refs add constraint external_refs_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table external_refs add constraint external_refs_pkey PRIMARY KEY (container_id, source, external_id);
CREATE INDEX external_refs_application ON public.external_refs USING btree (application_id);
CREATE INDEX external_refs_entity ON public.external_refs USING btree (entity_id);

create table field_clocks (
  entity_type text not null,
  entity_id uuid not null,
  base_at timestamp with time zone not null,
  clock jsonb not null default '{}'::jsonb
);
alter table field_clocks add constraint field_clocks_pkey PRIMARY KEY (entity_type, entity_id);

create table idempotency_keys (
  user_id uuid not null,
  key text not null,
  request_hash text not null,
  status integer not null,
  response text not null,
  created_at timestamp with time zone not null default now()
);
alter table idempotency_keys add constraint idempotency_keys_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255)));
alter table idempotency_keys add constraint idempotency_keys_pkey PRIMARY KEY (user_id, key);
alter table idempotency_keys add constraint idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

create table invitations (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  application_name text not null,
  inviter_id uuid,
  inviter_name text not null,
  user_id uuid,
  email text,
  role text not null,
  projects jsonb not null default '[]'::jsonb,
  message text,
  state text not null default 'pending'::text,
  expires_at timestamp with time zone not null default (now() + '14 days'::interval),
  responded_at timestamp with time zone,
  token_hash text
);
alter table invitations replica identity full;
alter table invitations add constraint invitations_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table invitations add constraint invitations_check CHECK (((user_id IS NOT NULL) OR (email IS NOT NULL)));
alter table invitations add constraint invitations_email_check CHECK ((char_length(email) <= 254));
alter table invitations add constraint invitations_inviter_id_fkey FOREIGN KEY (inviter_id) REFERENCES users(id) ON DELETE SET NULL;
alter table invitations add constraint invitations_message_check CHECK ((char_length(message) <= 1000));
alter table invitations add constraint invitations_pkey PRIMARY KEY (id);
alter table invitations add constraint invitations_projects_check CHECK ((jsonb_typeof(projects) = 'array'::text));
alter table invitations add constraint invitations_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])));
alter table invitations add constraint invitations_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'accepted'::text, 'rejected'::text, 'cancelled'::text, 'expired'::text])));
alter table invitations add constraint invitations_token_hash_key UNIQUE (token_hash);
alter table invitations add constraint invitations_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table invitations add constraint invitations_version_check CHECK ((version >= 1));
CREATE INDEX invitations_inviter ON public.invitations USING btree (inviter_id);
CREATE INDEX invitations_user ON public.invitations USING btree (user_id);
CREATE UNIQUE INDEX invitations_pending_email ON public.invitations USING btree (application_id, lower(email)) WHERE (state = 'pending'::text);
CREATE UNIQUE INDEX invitations_pending_user ON public.invitations USING btree (application_id, user_id) WHERE (state = 'pending'::text);
CREATE TRIGGER invitations_count_delete AFTER DELETE ON public.invitations REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_invitations_count_delete();
CREATE TRIGGER invitations_count_insert AFTER INSERT ON public.invitations REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_invitations_count_insert();
CREATE TRIGGER invitations_count_update AFTER UPDATE ON public.invitations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_invitations_count_update();
CREATE TRIGGER invitations_version BEFORE UPDATE ON public.invitations FOR EACH ROW WHEN (((((((((old.user_id IS DISTINCT FROM new.user_id) OR (old.email IS DISTINCT FROM new.email)) OR (old.role IS DISTINCT FROM new.role)) OR (old.projects IS DISTINCT FROM new.projects)) OR (old.message IS DISTINCT FROM new.message)) OR (old.state IS DISTINCT FROM new.state)) OR (old.expires_at IS DISTINCT FROM new.expires_at)) OR (old.responded_at IS DISTINCT FROM new.responded_at))) EXECUTE FUNCTION skerry_bump_version();

create table mentions (
  id uuid not null,
  created_at timestamp with time zone not null default now(),
  application_id uuid not null,
  comment_id uuid,
  user_id uuid not null,
  document_id uuid
);
alter table mentions replica identity full;
alter table mentions add constraint mentions_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table mentions add constraint mentions_comment_id_application_id_fkey FOREIGN KEY (comment_id, application_id) REFERENCES comments(id, application_id) ON DELETE CASCADE;
alter table mentions add constraint mentions_comment_id_fkey FOREIGN KEY (comment_id) REFERENCES comments(id) ON DELETE CASCADE;
alter table mentions add constraint mentions_comment_id_user_id_key UNIQUE (comment_id, user_id);
alter table mentions add constraint mentions_document_application_fkey FOREIGN KEY (document_id, application_id) REFERENCES documents(id, application_id) ON DELETE CASCADE;
alter table mentions add constraint mentions_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE;
alter table mentions add constraint mentions_document_user_key UNIQUE (document_id, user_id);
alter table mentions add constraint mentions_pkey PRIMARY KEY (id);
alter table mentions add constraint mentions_source_check CHECK ((num_nonnulls(comment_id, document_id) = 1));
alter table mentions add constraint mentions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX mentions_user ON public.mentions USING btree (user_id);

create table notification_preferences (
  user_id uuid not null,
  type text not null,
  in_app boolean not null default true,
  email boolean not null default false,
  version integer not null default 1,
  updated_at timestamp with time zone not null default now()
);
alter table notification_preferences replica identity full;
alter table notification_preferences add constraint notification_preferences_pkey PRIMARY KEY (user_id, type);
alter table notification_preferences add constraint notification_preferences_type_check CHECK ((type = ANY (ARRAY['mention'::text, 'task_assigned'::text, 'status_change'::text, 'task_commented'::text, 'task_updated'::text, 'due_date_reminder'::text, 'task_reassignment_needed'::text, 'application_invite'::text, 'project_invite'::text, 'invitation_accepted'::text, 'invitation_rejected'::text, 'role_changed'::text, 'member_removed'::text, 'project_member_added'::text, 'project_member_removed'::text, 'project_role_changed'::text, 'project_assigned'::text, 'system'::text])));
alter table notification_preferences add constraint notification_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table notification_preferences add constraint notification_preferences_version_check CHECK ((version >= 1));
CREATE TRIGGER notification_preferences_version BEFORE UPDATE ON public.notification_preferences FOR EACH ROW WHEN (((old.in_app IS DISTINCT FROM new.in_app) OR (old.email IS DISTINCT FROM new.email))) EXECUTE FUNCTION skerry_bump_version();

create table notifications (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  user_id uuid not null,
  type text not null,
  title text not null,
  message text,
  entity_type text,
  entity_id uuid,
  application_id uuid,
  project_id uuid,
  task_id uuid,
  actor_id uuid,
  actor_name text,
  count integer not null default 1,
  read_at timestamp with time zone,
  dedupe_key text
);
alter table notifications replica identity full;
alter table notifications add constraint notifications_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES users(id) ON DELETE SET NULL;
alter table notifications add constraint notifications_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table notifications add constraint notifications_count_check CHECK ((count >= 1));
alter table notifications add constraint notifications_dedupe_key UNIQUE (user_id, dedupe_key);
alter table notifications add constraint notifications_entity_type_check CHECK ((entity_type = ANY (ARRAY['task'::text, 'project'::text, 'application'::text, 'comment'::text, 'document'::text, 'invitation'::text, 'application_member'::text, 'project_member'::text, 'transfer'::text])));
alter table notifications add constraint notifications_message_check CHECK ((char_length(message) <= 1000));
alter table notifications add constraint notifications_pkey PRIMARY KEY (id);
alter table notifications add constraint notifications_title_check CHECK ((char_length(title) <= 255));
alter table notifications add constraint notifications_type_check CHECK ((type = ANY (ARRAY['mention'::text, 'task_assigned'::text, 'status_change'::text, 'task_commented'::text, 'task_updated'::text, 'due_date_reminder'::text, 'task_reassignment_needed'::text, 'application_invite'::text, 'project_invite'::text, 'invitation_accepted'::text, 'invitation_rejected'::text, 'role_changed'::text, 'member_removed'::text, 'project_member_added'::text, 'project_member_removed'::text, 'project_role_changed'::text, 'project_assigned'::text, 'system'::text])));
alter table notifications add constraint notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table notifications add constraint notifications_version_check CHECK ((version >= 1));
CREATE INDEX notifications_actor ON public.notifications USING btree (actor_id);
CREATE INDEX notifications_age ON public.notifications USING btree (created_at);
CREATE INDEX notifications_application ON public.notifications USING btree (application_id);
CREATE INDEX notifications_merging ON public.notifications USING btree (user_id, task_id) WHERE ((read_at IS NULL) AND (type = ANY (ARRAY['task_updated'::text, 'status_change'::text])));
CREATE INDEX notifications_newest ON public.notifications USING btree (user_id, created_at DESC, id DESC);
CREATE INDEX notifications_unread ON public.notifications USING btree (user_id, created_at DESC, id DESC) WHERE (read_at IS NULL);
CREATE TRIGGER notifications_count_delete AFTER DELETE ON public.notifications REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_notifications_count_delete();
CREATE TRIGGER notifications_count_insert AFTER INSERT ON public.notifications REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_notifications_count_insert();
CREATE TRIGGER notifications_count_update AFTER UPDATE ON public.notifications REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_notifications_count_update();
CREATE TRIGGER notifications_version BEFORE UPDATE ON public.notifications FOR EACH ROW WHEN ((((((old.created_at IS DISTINCT FROM new.created_at) OR (old.title IS DISTINCT FROM new.title)) OR (old.message IS DISTINCT FROM new.message)) OR (old.count IS DISTINCT FROM new.count)) OR (old.read_at IS DISTINCT FROM new.read_at))) EXECUTE FUNCTION skerry_bump_version();

create table place_names (
  scope_id uuid not null,
  folder_id uuid not null,
  name_key text not null,
  kind text not null,
  entity_id uuid not null
);
alter table place_names add constraint place_names_entity_id_key UNIQUE (entity_id);
alter table place_names add constraint place_names_kind_check CHECK ((kind = ANY (ARRAY['folder'::text, 'document'::text])));
alter table place_names add constraint place_names_name_key PRIMARY KEY (scope_id, folder_id, name_key);

create table project_aggregates (
  project_id uuid not null,
  application_id uuid not null,
  total_tasks integer not null default 0,
  todo_tasks integer not null default 0,
  active_tasks integer not null default 0,
  review_tasks integer not null default 0,
  issue_tasks integer not null default 0,
  done_tasks integer not null default 0,
  archived_tasks integer not null default 0,
  archived_done_tasks integer not null default 0,
  updated_at timestamp with time zone not null default now()
);
alter table project_aggregates replica identity full;
alter table project_aggregates add constraint project_aggregates_active_tasks_check CHECK ((active_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table project_aggregates add constraint project_aggregates_archived_done_tasks_check CHECK ((archived_done_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_archived_tasks_check CHECK ((archived_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_check CHECK ((total_tasks = ((((todo_tasks + active_tasks) + review_tasks) + issue_tasks) + done_tasks)));
alter table project_aggregates add constraint project_aggregates_done_tasks_check CHECK ((done_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_issue_tasks_check CHECK ((issue_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_pkey PRIMARY KEY (project_id);
alter table project_aggregates add constraint project_aggregates_project_id_application_id_fkey FOREIGN KEY (project_id, application_id) REFERENCES projects(id, application_id) ON DELETE CASCADE;
alter table project_aggregates add constraint project_aggregates_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table project_aggregates add constraint project_aggregates_review_tasks_check CHECK ((review_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_todo_tasks_check CHECK ((todo_tasks >= 0));
alter table project_aggregates add constraint project_aggregates_total_tasks_check CHECK ((total_tasks >= 0));
CREATE TRIGGER project_aggregates_derived AFTER UPDATE ON public.project_aggregates FOR EACH ROW EXECUTE FUNCTION skerry_aggregate_changed();

create table project_members (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  project_id uuid not null,
  user_id uuid not null,
  role text not null default 'member'::text,
  added_by_id uuid
);
alter table project_members replica identity full;
alter table project_members add constraint project_members_added_by_id_fkey FOREIGN KEY (added_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table project_members add constraint project_members_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table project_members add constraint project_members_application_id_user_id_fkey FOREIGN KEY (application_id, user_id) REFERENCES application_members(application_id, user_id) ON DELETE CASCADE;
alter table project_members add constraint project_members_pkey PRIMARY KEY (id);
alter table project_members add constraint project_members_project_id_application_id_fkey FOREIGN KEY (project_id, application_id) REFERENCES projects(id, application_id) ON DELETE CASCADE;
alter table project_members add constraint project_members_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table project_members add constraint project_members_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'member'::text])));
alter table project_members add constraint project_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table project_members add constraint project_members_user_key UNIQUE (project_id, user_id);
alter table project_members add constraint project_members_version_check CHECK ((version >= 1));
CREATE INDEX project_members_added_by ON public.project_members USING btree (added_by_id);
CREATE INDEX project_members_application_user ON public.project_members USING btree (application_id, user_id);
CREATE INDEX project_members_user ON public.project_members USING btree (user_id);
CREATE TRIGGER project_members_lost_locks AFTER DELETE ON public.project_members FOR EACH ROW EXECUTE FUNCTION skerry_lost_locks();
CREATE TRIGGER project_members_version BEFORE UPDATE ON public.project_members FOR EACH ROW WHEN (((old.role IS DISTINCT FROM new.role) OR (old.added_by_id IS DISTINCT FROM new.added_by_id))) EXECUTE FUNCTION skerry_bump_version();

create table projects (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  key text not null,
  name text not null,
  description text,
  project_type text not null default 'kanban'::text,
  due_date date,
  lead_id uuid,
  created_by_id uuid,
  next_task_number integer not null default 1,
  require_assignee boolean not null default false,
  freeze_done boolean not null default false,
  archived_at timestamp with time zone,
  unarchived_at timestamp with time zone,
  derived_status text not null default 'todo'::text,
  override_status text,
  override_reason text,
  override_by_id uuid,
  override_expires_at timestamp with time zone,
  effective_status text not null default 'todo'::text
);
alter table projects replica identity full;
alter table projects add constraint projects_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table projects add constraint projects_check CHECK (((override_status IS NULL) = (override_reason IS NULL)));
alter table projects add constraint projects_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table projects add constraint projects_derived_status_check CHECK ((derived_status = ANY (ARRAY['todo'::text, 'active'::text, 'issue'::text, 'done'::text])));
alter table projects add constraint projects_description_check CHECK ((char_length(description) <= 102400));
alter table projects add constraint projects_effective_status_check CHECK ((effective_status = ANY (ARRAY['todo'::text, 'active'::text, 'review'::text, 'issue'::text, 'done'::text])));
alter table projects add constraint projects_id_application_id_key UNIQUE (id, application_id);
alter table projects add constraint projects_key_check CHECK ((key ~ '^[A-Z][A-Z0-9]{0,9}$'::text));
alter table projects add constraint projects_key_key UNIQUE (application_id, key);
alter table projects add constraint projects_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES users(id) ON DELETE SET NULL;
alter table projects add constraint projects_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255)));
alter table projects add constraint projects_next_task_number_check CHECK ((next_task_number >= 1));
alter table projects add constraint projects_override_by_id_fkey FOREIGN KEY (override_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table projects add constraint projects_override_reason_check CHECK (((char_length(override_reason) >= 1) AND (char_length(override_reason) <= 500)));
alter table projects add constraint projects_override_status_check CHECK ((override_status = ANY (ARRAY['todo'::text, 'active'::text, 'review'::text, 'issue'::text, 'done'::text])));
alter table projects add constraint projects_pkey PRIMARY KEY (id);
alter table projects add constraint projects_project_type_check CHECK ((project_type = ANY (ARRAY['kanban'::text, 'scrum'::text])));
alter table projects add constraint projects_version_check CHECK ((version >= 1));
CREATE INDEX projects_created_by ON public.projects USING btree (created_by_id);
CREATE INDEX projects_lead ON public.projects USING btree (lead_id);
CREATE INDEX projects_override_by ON public.projects USING btree (override_by_id);
CREATE TRIGGER projects_aggregate AFTER INSERT ON public.projects FOR EACH ROW EXECUTE FUNCTION skerry_new_project();
CREATE TRIGGER projects_count AFTER INSERT OR DELETE OR UPDATE OF archived_at ON public.projects FOR EACH ROW EXECUTE FUNCTION skerry_projects_count();
CREATE TRIGGER projects_effective_status BEFORE INSERT OR UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION skerry_effective_status();
CREATE TRIGGER projects_version BEFORE UPDATE ON public.projects FOR EACH ROW WHEN ((((((((((((((((old.key IS DISTINCT FROM new.key) OR (old.name IS DISTINCT FROM new.name)) OR (old.description IS DISTINCT FROM new.description)) OR (old.project_type IS DISTINCT FROM new.project_type)) OR (old.due_date IS DISTINCT FROM new.due_date)) OR (old.lead_id IS DISTINCT FROM new.lead_id)) OR (old.created_by_id IS DISTINCT FROM new.created_by_id)) OR (old.require_assignee IS DISTINCT FROM new.require_assignee)) OR (old.freeze_done IS DISTINCT FROM new.freeze_done)) OR (old.archived_at IS DISTINCT FROM new.archived_at)) OR (old.unarchived_at IS DISTINCT FROM new.unarchived_at)) OR (old.override_status IS DISTINCT FROM new.override_status)) OR (old.override_reason IS DISTINCT FROM new.override_reason)) OR (old.override_by_id IS DISTINCT FROM new.override_by_id)) OR (old.override_expires_at IS DISTINCT FROM new.override_expires_at))) EXECUTE FUNCTION skerry_bump_version();

create table sessions (
  id text not null,
  public_id uuid not null,
  user_id uuid not null,
  device_name text,
  user_agent text,
  ip inet,
  created_at timestamp with time zone not null default now(),
  last_seen_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null
);
alter table sessions add constraint sessions_device_name_check CHECK ((char_length(device_name) <= 100));
alter table sessions add constraint sessions_id_check CHECK ((id ~ '^[0-9a-f]{64}$'::text));
alter table sessions add constraint sessions_pkey PRIMARY KEY (id);
alter table sessions add constraint sessions_public_id_key UNIQUE (public_id);
alter table sessions add constraint sessions_user_agent_check CHECK ((char_length(user_agent) <= 500));
alter table sessions add constraint sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);
CREATE INDEX sessions_user ON public.sessions USING btree (user_id);

create table snapshot_contents (
  snapshot_id uuid not null,
  ydoc bytea not null,
  content_json jsonb not null,
  content_markdown text not null,
  content_plain text not null,
  attachment_ids uuid[] not null
);
alter table snapshot_contents add constraint snapshot_contents_pkey PRIMARY KEY (snapshot_id);
alter table snapshot_contents add constraint snapshot_contents_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES document_snapshots(id) ON DELETE CASCADE;

create table status_redirects (
  old_status_id uuid not null,
  project_id uuid not null,
  target_status_id uuid not null,
  created_at timestamp with time zone not null default now()
);
alter table status_redirects add constraint status_redirects_pkey PRIMARY KEY (old_status_id);
alter table status_redirects add constraint status_redirects_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table status_redirects add constraint status_redirects_target_status_id_fkey FOREIGN KEY (target_status_id) REFERENCES task_statuses(id) ON DELETE CASCADE;
CREATE INDEX status_redirects_project ON public.status_redirects USING btree (project_id);
CREATE INDEX status_redirects_target ON public.status_redirects USING btree (target_status_id);

create table task_statuses (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  project_id uuid not null,
  name text not null,
  category text not null,
  color text not null,
  rank text collate "C" not null
);
alter table task_statuses replica identity full;
alter table task_statuses add constraint task_statuses_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table task_statuses add constraint task_statuses_category_check CHECK ((category = ANY (ARRAY['todo'::text, 'active'::text, 'review'::text, 'issue'::text, 'done'::text])));
alter table task_statuses add constraint task_statuses_color_check CHECK ((color ~ '^#[0-9A-Fa-f]{6}$'::text));
alter table task_statuses add constraint task_statuses_id_project_id_key UNIQUE (id, project_id);
alter table task_statuses add constraint task_statuses_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 50)));
alter table task_statuses add constraint task_statuses_pkey PRIMARY KEY (id);
alter table task_statuses add constraint task_statuses_project_id_application_id_fkey FOREIGN KEY (project_id, application_id) REFERENCES projects(id, application_id) ON DELETE CASCADE;
alter table task_statuses add constraint task_statuses_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table task_statuses add constraint task_statuses_rank_check CHECK ((rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$'::text));
alter table task_statuses add constraint task_statuses_version_check CHECK ((version >= 1));
CREATE UNIQUE INDEX task_statuses_name_key ON public.task_statuses USING btree (project_id, lower(name));
CREATE TRIGGER task_statuses_fixed_category BEFORE UPDATE ON public.task_statuses FOR EACH ROW WHEN ((old.category <> new.category)) EXECUTE FUNCTION skerry_fixed_category();
CREATE TRIGGER task_statuses_version BEFORE UPDATE ON public.task_statuses FOR EACH ROW WHEN (((((old.name IS DISTINCT FROM new.name) OR (old.category IS DISTINCT FROM new.category)) OR (old.color IS DISTINCT FROM new.color)) OR (old.rank IS DISTINCT FROM new.rank))) EXECUTE FUNCTION skerry_bump_version();

create table tasks (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  application_id uuid not null,
  project_id uuid not null,
  number integer not null,
  task_key text not null,
  title text not null,
  description text,
  task_type text not null default 'story'::text,
  priority text not null default 'medium'::text,
  status_id uuid not null,
  rank text collate "C" not null,
  assignee_id uuid,
  reporter_id uuid,
  created_by_id uuid,
  parent_id uuid,
  depth integer not null default 0,
  labels text[] not null default '{}'::text[],
  story_points integer,
  due_date date,
  completed_at timestamp with time zone,
  archived_at timestamp with time zone,
  unarchived_at timestamp with time zone,
  deleted_at timestamp with time zone,
  deleted_by_id uuid,
  trash_root_id uuid,
  checklist_total integer not null default 0,
  checklist_done integer not null default 0,
  comment_count integer not null default 0,
  attachment_count integer not null default 0,
  subtask_total integer not null default 0,
  subtask_done integer not null default 0
);
alter table tasks replica identity full;
alter table tasks add constraint tasks_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications(id) ON DELETE CASCADE;
alter table tasks add constraint tasks_assignee_id_fkey FOREIGN KEY (assignee_id) REFERENCES users(id) ON DELETE SET NULL;
alter table tasks add constraint tasks_attachment_count_check CHECK ((attachment_count >= 0));
alter table tasks add constraint tasks_check CHECK (((checklist_done >= 0) AND (checklist_done <= checklist_total)));
alter table tasks add constraint tasks_check1 CHECK (((subtask_done >= 0) AND (subtask_done <= subtask_total)));
alter table tasks add constraint tasks_check2 CHECK (((deleted_at IS NULL) = (trash_root_id IS NULL)));
alter table tasks add constraint tasks_check3 CHECK ((parent_id <> id));
alter table tasks add constraint tasks_comment_count_check CHECK ((comment_count >= 0));
alter table tasks add constraint tasks_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table tasks add constraint tasks_deleted_by_id_fkey FOREIGN KEY (deleted_by_id) REFERENCES users(id) ON DELETE SET NULL;
alter table tasks add constraint tasks_depth_check CHECK (((depth >= 0) AND (depth <= 5)));
alter table tasks add constraint tasks_description_check CHECK ((char_length(description) <= 102400));
alter table tasks add constraint tasks_id_application_id_key UNIQUE (id, application_id);
alter table tasks add constraint tasks_id_project_id_key UNIQUE (id, project_id);
alter table tasks add constraint tasks_labels_check CHECK (((cardinality(labels) <= 20) AND skerry_distinct_labels(labels)));
alter table tasks add constraint tasks_number_check CHECK ((number >= 1));
alter table tasks add constraint tasks_number_key UNIQUE (project_id, number);
alter table tasks add constraint tasks_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES tasks(id) ON DELETE SET NULL;
alter table tasks add constraint tasks_parent_id_project_id_fkey FOREIGN KEY (parent_id, project_id) REFERENCES tasks(id, project_id) ON DELETE SET NULL (parent_id);
alter table tasks add constraint tasks_pkey PRIMARY KEY (id);
alter table tasks add constraint tasks_priority_check CHECK ((priority = ANY (ARRAY['lowest'::text, 'low'::text, 'medium'::text, 'high'::text, 'highest'::text])));
alter table tasks add constraint tasks_project_id_application_id_fkey FOREIGN KEY (project_id, application_id) REFERENCES projects(id, application_id) ON DELETE CASCADE;
alter table tasks add constraint tasks_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE;
alter table tasks add constraint tasks_rank_check CHECK ((rank ~ '^[A-Za-z][0-9A-Za-z]{0,199}$'::text));
alter table tasks add constraint tasks_reporter_id_fkey FOREIGN KEY (reporter_id) REFERENCES users(id) ON DELETE SET NULL;
alter table tasks add constraint tasks_status_id_fkey FOREIGN KEY (status_id) REFERENCES task_statuses(id);
alter table tasks add constraint tasks_status_id_project_id_fkey FOREIGN KEY (status_id, project_id) REFERENCES task_statuses(id, project_id);
alter table tasks add constraint tasks_story_points_check CHECK (((story_points >= 0) AND (story_points <= 100)));
alter table tasks add constraint tasks_task_key_key UNIQUE (application_id, task_key);
alter table tasks add constraint tasks_task_type_check CHECK ((task_type = ANY (ARRAY['story'::text, 'bug'::text, 'epic'::text, 'task'::text, 'subtask'::text])));
alter table tasks add constraint tasks_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 500)));
alter table tasks add constraint tasks_version_check CHECK ((version >= 1));
CREATE INDEX tasks_archive ON public.tasks USING btree (project_id, archived_at) WHERE (archived_at IS NOT NULL);
CREATE INDEX tasks_assignee ON public.tasks USING btree (assignee_id);
CREATE INDEX tasks_column ON public.tasks USING btree (project_id, status_id, rank, id);
CREATE INDEX tasks_created_by ON public.tasks USING btree (created_by_id);
CREATE INDEX tasks_deleted_by ON public.tasks USING btree (deleted_by_id);
CREATE INDEX tasks_due ON public.tasks USING btree (project_id, due_date);
CREATE INDEX tasks_parent ON public.tasks USING btree (parent_id);
CREATE INDEX tasks_reporter ON public.tasks USING btree (reporter_id);
CREATE INDEX tasks_status ON public.tasks USING btree (status_id);
CREATE INDEX tasks_trash ON public.tasks USING btree (trash_root_id) WHERE (deleted_at IS NOT NULL);
CREATE INDEX tasks_updated ON public.tasks USING btree (application_id, updated_at);
CREATE TRIGGER tasks_count_delete AFTER DELETE ON public.tasks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_tasks_delete();
CREATE TRIGGER tasks_count_insert AFTER INSERT ON public.tasks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_tasks_insert();
CREATE TRIGGER tasks_count_update AFTER UPDATE ON public.tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION skerry_tasks_update();
CREATE TRIGGER tasks_depth BEFORE INSERT OR UPDATE OF parent_id, depth ON public.tasks FOR EACH ROW EXECUTE FUNCTION skerry_task_depth();
CREATE TRIGGER tasks_depth_below AFTER UPDATE OF parent_id, depth ON public.tasks FOR EACH ROW WHEN ((old.depth <> new.depth)) EXECUTE FUNCTION skerry_task_depth_below();
CREATE TRIGGER tasks_version BEFORE UPDATE ON public.tasks FOR EACH ROW WHEN ((((((((((((((((((((old.title IS DISTINCT FROM new.title) OR (old.description IS DISTINCT FROM new.description)) OR (old.task_type IS DISTINCT FROM new.task_type)) OR (old.priority IS DISTINCT FROM new.priority)) OR (old.status_id IS DISTINCT FROM new.status_id)) OR (old.rank IS DISTINCT FROM new.rank)) OR (old.assignee_id IS DISTINCT FROM new.assignee_id)) OR (old.reporter_id IS DISTINCT FROM new.reporter_id)) OR (old.created_by_id IS DISTINCT FROM new.created_by_id)) OR (old.parent_id IS DISTINCT FROM new.parent_id)) OR (old.labels IS DISTINCT FROM new.labels)) OR (old.story_points IS DISTINCT FROM new.story_points)) OR (old.due_date IS DISTINCT FROM new.due_date)) OR (old.completed_at IS DISTINCT FROM new.completed_at)) OR (old.archived_at IS DISTINCT FROM new.archived_at)) OR (old.unarchived_at IS DISTINCT FROM new.unarchived_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.deleted_by_id IS DISTINCT FROM new.deleted_by_id)) OR (old.trash_root_id IS DISTINCT FROM new.trash_root_id))) EXECUTE FUNCTION skerry_bump_version();

create table user_counters (
  user_id uuid not null,
  unread_notifications integer not null default 0,
  pending_invitations integer not null default 0,
  updated_at timestamp with time zone not null default now()
);
alter table user_counters replica identity full;
alter table user_counters add constraint user_counters_pending_invitations_check CHECK ((pending_invitations >= 0));
alter table user_counters add constraint user_counters_pkey PRIMARY KEY (user_id);
alter table user_counters add constraint user_counters_unread_notifications_check CHECK ((unread_notifications >= 0));
alter table user_counters add constraint user_counters_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

create table users (
  id uuid not null,
  version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  email text not null,
  email_verified_at timestamp with time zone,
  display_name text not null,
  avatar_url text,
  time_zone text not null default 'UTC'::text,
  week_start text not null default 'monday'::text,
  locale text not null default 'en'::text,
  login_code_enabled boolean not null default false,
  is_admin boolean not null default false,
  password_hash text,
  password_changed_at timestamp with time zone not null default now(),
  avatar_key text,
  disabled_at timestamp with time zone
);
alter table users replica identity full;
alter table users add constraint users_avatar_url_check CHECK ((char_length(avatar_url) <= 500));
alter table users add constraint users_display_name_check CHECK (((char_length(display_name) >= 1) AND (char_length(display_name) <= 100)));
alter table users add constraint users_email_check CHECK ((char_length(email) <= 254));
alter table users add constraint users_locale_check CHECK ((char_length(locale) <= 35));
alter table users add constraint users_pkey PRIMARY KEY (id);
alter table users add constraint users_version_check CHECK ((version >= 1));
alter table users add constraint users_week_start_check CHECK ((week_start = ANY (ARRAY['monday'::text, 'sunday'::text])));
CREATE UNIQUE INDEX users_email_key ON public.users USING btree (lower(email));
CREATE TRIGGER users_counters AFTER INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION skerry_user_counters();
CREATE TRIGGER users_names AFTER UPDATE OF display_name, avatar_url ON public.users FOR EACH ROW WHEN (((old.display_name IS DISTINCT FROM new.display_name) OR (old.avatar_url IS DISTINCT FROM new.avatar_url))) EXECUTE FUNCTION skerry_user_names();
CREATE TRIGGER users_version BEFORE UPDATE ON public.users FOR EACH ROW WHEN ((((((((((old.email IS DISTINCT FROM new.email) OR (old.email_verified_at IS DISTINCT FROM new.email_verified_at)) OR (old.display_name IS DISTINCT FROM new.display_name)) OR (old.avatar_url IS DISTINCT FROM new.avatar_url)) OR (old.time_zone IS DISTINCT FROM new.time_zone)) OR (old.week_start IS DISTINCT FROM new.week_start)) OR (old.locale IS DISTINCT FROM new.locale)) OR (old.login_code_enabled IS DISTINCT FROM new.login_code_enabled)) OR (old.is_admin IS DISTINCT FROM new.is_admin))) EXECUTE FUNCTION skerry_bump_version();

CREATE OR REPLACE FUNCTION public.count_body_bytes()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       new.body_bytes := coalesce(octet_length(new.body::text), 0);
       return new;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_aggregate_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     update projects set derived_status = skerry_derived_status(new)
      where id = new.project_id and derived_status <> skerry_derived_status(new);
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_bump_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       new.version := old.version + 1;
       new.updated_at := greatest(now(), old.updated_at);
       return new;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_comment_count()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   declare delta int := 0;
   begin
     if tg_op <> 'DELETE' and new.deleted_at is null then delta := delta + 1; end if;
     if tg_op <> 'INSERT' and old.deleted_at is null then delta := delta - 1; end if;
     if delta <> 0 then
       update tasks set comment_count = comment_count + delta
        where id = case when tg_op = 'DELETE' then old.task_id else new.task_id end;
     end if;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_demoted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     delete from project_members p where p.application_id = new.application_id and p.user_id = new.user_id;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_derived_status(a project_aggregates)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
     select case
       when a.total_tasks = 0 and a.archived_done_tasks = 0 then 'todo'
       when a.total_tasks = 0 then 'done'
       when a.done_tasks = a.total_tasks then 'done'
       when a.issue_tasks > 0 then 'issue'
       when a.todo_tasks > 0 then 'todo'
       when a.active_tasks > 0 or a.review_tasks > 0 then 'active'
       else 'todo' end $function$;

CREATE OR REPLACE FUNCTION public.skerry_distinct_labels(labels text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
     select count(*) = count(distinct lower(l)) and coalesce(bool_and(char_length(l) between 1 and 50), true)
       from unnest(labels) as l $function$;

CREATE OR REPLACE FUNCTION public.skerry_document_name()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     if tg_op = 'DELETE' then
       delete from place_names where entity_id = old.id;
     elsif new.deleted_at is not null then
       delete from place_names where entity_id = new.id;
     else
       insert into place_names (scope_id, folder_id, name_key, kind, entity_id)
       values (coalesce(new.project_id, new.application_id, new.user_id),
               coalesce(new.folder_id, '00000000-0000-0000-0000-000000000000'), lower(btrim(new.title)), 'document', new.id)
       on conflict (entity_id) do update set folder_id = excluded.folder_id, name_key = excluded.name_key;
     end if;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_effective_status()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     new.effective_status := case
       when new.override_status is not null and (new.override_expires_at is null or new.override_expires_at > now())
       then new.override_status else new.derived_status end;
     return new;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_fixed_category()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     raise exception 'the category of a status cannot change' using errcode = '23514';
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_folder_name()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     if tg_op = 'DELETE' then
       delete from place_names where entity_id = old.id;
     elsif new.deleted_at is not null then
       delete from place_names where entity_id = new.id;
     else
       insert into place_names (scope_id, folder_id, name_key, kind, entity_id)
       values (coalesce(new.project_id, new.application_id, new.user_id),
               coalesce(new.parent_id, '00000000-0000-0000-0000-000000000000'), lower(btrim(new.name)), 'folder', new.id)
       on conflict (entity_id) do update set folder_id = excluded.folder_id, name_key = excluded.name_key;
     end if;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_folder_path()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_folder_path_below()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     update document_folders
        set path = new.path || substr(path, length(old.path) + 1), depth = depth + new.depth - old.depth
      where path like old.path || '%' and id <> new.id;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_invitations_count_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       with delta as (select user_id, sum(n) as n from (select user_id, -1 as n from old_rows where user_id is not null and state = 'pending') c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set pending_invitations = c.pending_invitations + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_invitations_count_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       with delta as (select user_id, sum(n) as n from (select user_id, 1 as n from new_rows where user_id is not null and state = 'pending') c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set pending_invitations = c.pending_invitations + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_invitations_count_update()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       with delta as (select user_id, sum(n) as n from (select user_id, -1 as n from old_rows where user_id is not null and state = 'pending' union all select user_id, 1 as n from new_rows where user_id is not null and state = 'pending') c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set pending_invitations = c.pending_invitations + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_item_count()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_last_owner()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       if exists (select 1 from applications a where a.id = old.application_id)
          and not exists (select 1 from application_members m where m.application_id = old.application_id and m.role = 'owner')
       then
         raise exception 'application % is left without an owner', old.application_id
           using errcode = '23514', constraint = 'application_members_last_owner';
       end if;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_lost_locks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_member_names()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       select u.display_name, u.avatar_url into new.display_name, new.avatar_url from users u where u.id = new.user_id;
       return new;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_members_count()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       if tg_op = 'INSERT' then
         update applications set members_count = members_count + 1 where id = new.application_id;
       else
         update applications set members_count = members_count - 1 where id = old.application_id;
       end if;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_new_project()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     insert into project_aggregates (project_id, application_id) values (new.id, new.application_id);
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_notifications_count_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       with delta as (select user_id, sum(n) as n from (select user_id, -1 as n from old_rows where read_at is null) c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set unread_notifications = c.unread_notifications + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_notifications_count_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       with delta as (select user_id, sum(n) as n from (select user_id, 1 as n from new_rows where read_at is null) c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set unread_notifications = c.unread_notifications + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_notifications_count_update()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       with delta as (select user_id, sum(n) as n from (select user_id, -1 as n from old_rows where read_at is null union all select user_id, 1 as n from new_rows where read_at is null) c group by user_id having sum(n) <> 0),
       locked as (
         select c.user_id, d.n from user_counters c join delta d on d.user_id = c.user_id
          order by c.user_id for no key update of c)
       update user_counters c set unread_notifications = c.unread_notifications + l.n, updated_at = now()
         from locked l where l.user_id = c.user_id;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_projects_count()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   declare delta int := 0;
   begin
     if tg_op <> 'DELETE' and new.archived_at is null then delta := delta + 1; end if;
     if tg_op <> 'INSERT' and old.archived_at is null then delta := delta - 1; end if;
     if delta <> 0 then
       update applications set projects_count = projects_count + delta
        where id = case when tg_op = 'DELETE' then old.application_id else new.application_id end;
     end if;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_task_depth()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     new.depth := coalesce((select p.depth + 1 from tasks p where p.id = new.parent_id), 0);
     return new;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_task_depth_below()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     update tasks set depth = new.depth + 1 where parent_id = new.id;
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_tasks_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       
       
  with change as (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         -1 as n
    from old_rows),
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
         coalesce(d.done, 0), coalesce(d.archived, 0), coalesce(d.archived_done, 0)) <> (0, 0, 0, 0, 0, 0, 0, 0);
       -- a statement trigger fires for no rows as well: without the question this one would call itself for ever
       if exists (select 1 from (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         -1 as n
    from old_rows) c where c.parent_id is not null) then
         
  with change as (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         -1 as n
    from old_rows),
  per_parent as (
    select c.parent_id,
           coalesce(sum(n) filter (where not trashed), 0) as total,
           coalesce(sum(n) filter (where not trashed and s.category = 'done'), 0) as done
      from change c join task_statuses s on s.id = c.status_id
     where c.parent_id is not null
     group by c.parent_id)
  update tasks t set subtask_total = t.subtask_total + d.total, subtask_done = t.subtask_done + d.done
    from per_parent d
   where t.id = d.parent_id and (d.total, d.done) <> (0, 0);
       end if;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_tasks_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       
       
  with change as (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         1 as n
    from new_rows),
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
         coalesce(d.done, 0), coalesce(d.archived, 0), coalesce(d.archived_done, 0)) <> (0, 0, 0, 0, 0, 0, 0, 0);
       -- a statement trigger fires for no rows as well: without the question this one would call itself for ever
       if exists (select 1 from (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         1 as n
    from new_rows) c where c.parent_id is not null) then
         
  with change as (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         1 as n
    from new_rows),
  per_parent as (
    select c.parent_id,
           coalesce(sum(n) filter (where not trashed), 0) as total,
           coalesce(sum(n) filter (where not trashed and s.category = 'done'), 0) as done
      from change c join task_statuses s on s.id = c.status_id
     where c.parent_id is not null
     group by c.parent_id)
  update tasks t set subtask_total = t.subtask_total + d.total, subtask_done = t.subtask_done + d.done
    from per_parent d
   where t.id = d.parent_id and (d.total, d.done) <> (0, 0);
       end if;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_tasks_update()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       
       if not exists (
         select 1 from old_rows o join new_rows n on n.id = o.id
          where (o.status_id, o.parent_id, o.archived_at, o.deleted_at)
                is distinct from (n.status_id, n.parent_id, n.archived_at, n.deleted_at)) then
         return null;
       end if;
       
  with change as (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         -1 as n
    from old_rows union all 
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         1 as n
    from new_rows),
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
         coalesce(d.done, 0), coalesce(d.archived, 0), coalesce(d.archived_done, 0)) <> (0, 0, 0, 0, 0, 0, 0, 0);
       -- a statement trigger fires for no rows as well: without the question this one would call itself for ever
       if exists (select 1 from (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         -1 as n
    from old_rows union all 
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         1 as n
    from new_rows) c where c.parent_id is not null) then
         
  with change as (
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         -1 as n
    from old_rows union all 
  select project_id, status_id, parent_id,
         deleted_at is null and archived_at is null as visible,
         deleted_at is null and archived_at is not null as archived,
         deleted_at is not null as trashed,
         1 as n
    from new_rows),
  per_parent as (
    select c.parent_id,
           coalesce(sum(n) filter (where not trashed), 0) as total,
           coalesce(sum(n) filter (where not trashed and s.category = 'done'), 0) as done
      from change c join task_statuses s on s.id = c.status_id
     where c.parent_id is not null
     group by c.parent_id)
  update tasks t set subtask_total = t.subtask_total + d.total, subtask_done = t.subtask_done + d.done
    from per_parent d
   where t.id = d.parent_id and (d.total, d.done) <> (0, 0);
       end if;
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION public.skerry_user_counters()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
   begin
     insert into user_counters (user_id) values (new.id);
     return null;
   end $function$;

CREATE OR REPLACE FUNCTION public.skerry_user_names()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       update application_members m set display_name = new.display_name, avatar_url = new.avatar_url
        where m.user_id = new.id;
       return null;
     end $function$;

create publication electric_publication_default for table application_members, applications, checklist_items, checklists, comments, document_comments, document_folders, document_locks, document_tag_assignments, document_tags, document_templates, documents, invitations, mentions, notification_preferences, notifications, project_aggregates, project_members, projects, task_statuses, tasks, user_counters, users;
