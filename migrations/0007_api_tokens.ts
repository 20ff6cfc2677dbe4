// API tokens (domain rules, section 2.1), and the single-use tokens for sockets of documents that people and API tokens
// are given.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `create table api_tokens (
       id uuid primary key,
       created_at timestamptz not null default now(),
       user_id uuid not null references users on delete cascade,
       name text not null check (char_length(name) between 1 and 100),
       token_hash text not null unique check (token_hash ~ '^[0-9a-f]{64}$'),
       prefix text not null check (char_length(prefix) = 8),
       scopes text[] not null check (cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'files', 'collab', 'admin']),
       application_ids uuid[] check (cardinality(application_ids) > 0),
       last_used_at timestamptz,
       expires_at timestamptz,
       revoked_at timestamptz)`,
    `create index api_tokens_user on api_tokens (user_id)`,

    `create table collab_tokens (
       token_hash text primary key check (token_hash ~ '^[0-9a-f]{64}$'),
       session_public_id uuid references sessions (public_id) on delete cascade,
       api_token_id uuid references api_tokens on delete cascade,
       expires_at timestamptz not null,
       check (num_nonnulls(session_public_id, api_token_id) = 1))`,
    `create index collab_tokens_session on collab_tokens (session_public_id)`,
    `create index collab_tokens_api_token on collab_tokens (api_token_id)`,
    `create index collab_tokens_expiry on collab_tokens (expires_at)`,
  ])
