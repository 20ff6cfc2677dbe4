// The end of stored answers (domain rules, sections 1 and 13).
import { expect, test } from 'vitest'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'
import { purgeReplays } from './purge-replays.ts'

const { server, people } = await startWithPeople()

const kept = async (table: string, what: string) =>
  (await queryOnce(server.databaseUrl, `select ${what} as name from ${table} order by 1`)).rows.map(
    row => (row as { name: string }).name,
  )

test('keys end after 7 days, transactions after 30, however many there are', async () => {
  await queryOnce(
    server.databaseUrl,
    `insert into idempotency_keys (user_id, key, request_hash, status, response, created_at)
     select $1, age || '/' || n, '', 200, '{}', $2::timestamptz - age * interval '1 hour'
       from (values (169, 2500), (167, 2)) as made (age, many), generate_series(1, many) n`,
    [people.member.userId, server.clock.now()],
  )
  await queryOnce(
    server.databaseUrl,
    `insert into applied_transactions (id, user_id, request_hash, outcome, result, created_at)
     select gen_random_uuid(), $1, age::text, 'applied', '{}', $2::timestamptz - age * interval '1 hour'
       from unnest(array[719, 721, 2000]) as age`,
    [people.member.userId, server.clock.now()],
  )
  expect(await purgeReplays(server.app.write)).toBe(2502)
  expect(await kept('idempotency_keys', 'key')).toEqual(['167/1', '167/2'])
  expect(await kept('applied_transactions', 'request_hash')).toEqual(['719'])
  expect(await purgeReplays(server.app.write)).toBe(0)
})
