// The daily jobs of a whole server, made of its settings.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '#server/kernel/config.ts'
import { silentLog } from '#server/kernel/log.ts'
import { migratedDatabase, queryOnce, until } from '#server/testing/postgres.ts'
import { startSkerry } from './main.ts'

test('D93 D102 a server ends notifications, sessions, stored answers and trash in time, and thins snapshots', async () => {
  const database = await migratedDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'skerry-daily-'))
  // shapes are somebody else's here: nobody answers there, and nothing has to
  const electric = { ELECTRIC_URL: 'http://127.0.0.1:9', ELECTRIC_SECRET: 'between-services' }
  const start = (SERVICES: string) =>
    startSkerry(
      loadConfig({ DATABASE_URL: database.url, DATA_DIR: folder, PORT: '0', SERVICES, ...electric }),
      silentLog,
    )
  const titles = async () =>
    (await queryOnce(database.url, 'select title from notifications order by created_at')).rows.map(
      row => (row as { title: string }).title,
    )
  await queryOnce(
    database.url,
    `with person as (
       insert into users (id, email, display_name) values (gen_random_uuid(), 'ann@example.com', 'Ann') returning id)
     insert into notifications (id, user_id, type, title, created_at)
     select gen_random_uuid(), person.id, 'system', age::text, now() - age * interval '1 day'
       from person, unnest(array[91, 89, 1]) as age`,
  )
  await queryOnce(
    database.url,
    `with document as (
       insert into documents (id, scope, user_id, title, rank)
       select gen_random_uuid(), 'personal', id, 'Tides', 'a0' from users returning id, user_id)
     insert into document_snapshots (id, created_at, user_id, document_id, kind, name, word_count, size_bytes, content_version)
     select gen_random_uuid(), date_trunc('hour', now()) - interval '2 days' + minute * interval '1 minute', user_id, id,
            kind, case kind when 'named' then 'Kept' end, 0, 0, minute
       from document, (values ('auto', 10), ('auto', 20), ('named', 5)) as made (kind, minute)`,
  )
  await queryOnce(
    database.url,
    `with person as (select id from users), session as (
       insert into sessions (id, public_id, user_id, expires_at)
       select repeat('a', 64), gen_random_uuid(), id, now() - interval '1 minute' from person),
     alive as (insert into sessions (id, public_id, user_id, expires_at)
       select repeat('c', 64), gen_random_uuid(), id, now() + interval '1 day' from person returning public_id),
     token as (insert into collab_tokens (token_hash, session_public_id, expires_at)
       select repeat('b', 64), public_id, now() - interval '1 minute' from alive),
     key as (insert into idempotency_keys (user_id, key, request_hash, status, response, created_at)
       select id, 'k', '', 200, '', now() - interval '8 days' from person)
     insert into documents (id, scope, user_id, title, rank, deleted_at, updated_at, trash_root_id)
       select made.id, 'personal', person.id, 'Old', 'a1', now() - interval '31 days', now() - interval '31 days', made.id
         from person, (select gen_random_uuid() as id) made`,
  )
  const others = async () =>
    (
      await queryOnce(
        database.url,
        `select (select count(*)::int from sessions) as sessions, (select count(*)::int from collab_tokens) as tokens, (select count(*)::int from idempotency_keys) as keys,
                (select count(*)::int from documents where deleted_at is not null) as trash`,
      )
    ).rows[0]
  const versions = async () =>
    (await queryOnce(database.url, 'select content_version from document_snapshots order by content_version')).rows.map(
      row => (row as { content_version: number }).content_version,
    )
  try {
    const web = await start('web')
    await web.stop()
    expect(await titles()).toEqual(['91', '89', '1'])
    expect(await versions()).toEqual([5, 10, 20])
    expect(await others()).toEqual({ sessions: 2, tokens: 1, keys: 1, trash: 1 })
    const both = await start('web,worker')
    await until('the old one is gone', async () => (await titles()).length < 3)
    await until('an hour has one snapshot', async () => (await versions()).length < 3)
    await both.stop()
    expect(await titles()).toEqual(['89', '1'])
    expect(await versions()).toEqual([5, 20])
    expect(await others()).toEqual({ sessions: 1, tokens: 0, keys: 0, trash: 0 })
    const { rows } = await queryOnce(database.url, 'select unread_notifications from user_counters')
    expect(rows).toEqual([{ unread_notifications: 2 }])
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await database.drop()
  }
})
