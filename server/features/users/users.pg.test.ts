import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'

let server: TestServer
type Person = Awaited<ReturnType<TestServer['signUp']>>
let ann: Person
let bo: Person
let stranger: Person
const application = uuid7()

const join = async (userId: string, role: string) => {
  await queryOnce(
    server.databaseUrl,
    `insert into application_members (id, application_id, user_id, role, display_name) values ($1, $2, $3, $4, '')`,
    [uuid7(), application, userId, role],
  )
}

beforeAll(async () => {
  server = await startTestServer()
  ann = await server.signUp('ann')
  bo = await server.signUp('bo')
  stranger = await server.signUp('stranger')
  await queryOnce(server.databaseUrl, `insert into applications (id, name) values ($1, 'Harbour')`, [application])
  await join(ann.userId, 'owner')
  await join(bo.userId, 'viewer')
})
afterAll(() => server.close())

interface Own {
  readonly data: { readonly user: { readonly version: number; readonly display_name: string } }
}
const own = async (person: Person) => ((await person.get('/api/me')).body as Own).data.user
const search = async (person: Person, q: string) =>
  (
    (await person.get(`/api/users/search?q=${encodeURIComponent(q)}`)).body as { data: { display_name: string }[] }
  ).data.map(row => row.display_name)

describe('the own profile', () => {
  test('both spellings of the route answer the same', async () => {
    expect((await ann.get('/auth/me')).text).toBe((await ann.get('/api/me')).text)
    expect((await server.anonymous.get('/api/me')).code).toBe('unauthenticated')
  })

  test('D13 D5 a change raises the version by one and names the txid and the shapes', async () => {
    const before = await own(ann)
    const answer = await ann.patch('/api/me', { time_zone: 'Europe/Berlin', week_start: 'sunday', locale: 'de' })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      data: { time_zone: 'Europe/Berlin', week_start: 'sunday', version: before.version + 1 },
      txid: expect.any(Number),
      shapes: ['me'],
    })
  })

  test('D6 D7 equal values change nothing; no field and unknown fields are refused', async () => {
    const before = await own(ann)
    const same = await ann.patch('/api/me', { display_name: before.display_name })
    expect(same.body).toMatchObject({ data: { version: before.version }, txid: null })
    expect((await ann.patch('/api/me', {})).issues).toEqual([' nothing_to_change'])
    expect((await ann.patch('/api/me', { is_admin: true })).issues).toEqual(['is_admin unknown_field'])
    const wrong = await ann.patch('/api/me', { time_zone: 'Mars/Olympus', week_start: 'friday', locale: '??' })
    expect(wrong.issues).toEqual(['locale bad_format', 'time_zone bad_format', 'week_start not_in_enum'])
    expect((await own(ann)).version).toBe(before.version)
  })

  test('D74 If-Match with an old version is 409 with the current row, with the right one it applies', async () => {
    const { version } = await own(bo)
    const old = await bo.patch('/api/me', { locale: 'fr' }, { 'if-match': `"${version + 1}"` })
    expect(old.code).toBe('version_conflict')
    expect(old.body).toMatchObject({ error: { details: { current: { id: bo.userId, version } } } })
    expect((await bo.patch('/api/me', { locale: 'fr' }, { 'if-match': `"${version}"` })).status).toBe(200)
  })

  test('D27 a new name reaches the member rows', async () => {
    const answer = await bo.patch('/api/me', { display_name: '  Bo \u0007Bergström ' })
    expect(answer.body).toMatchObject({ shapes: ['application_members', 'me', 'my_memberships'] })
    const { rows } = await queryOnce(
      server.databaseUrl,
      'select display_name from application_members where user_id = $1',
      [bo.userId],
    )
    expect(rows).toEqual([{ display_name: 'Bo Bergström' }])
  })

  test('D3 D4 an Idempotency-Key replays the first answer and refuses another body', async () => {
    const key = { 'idempotency-key': 'profile-1' }
    const first = await ann.patch('/api/me', { display_name: 'Ann B' }, key)
    const again = await ann.patch('/api/me', { display_name: 'Ann B' }, key)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(again.text).toBe(first.text)
    expect((await ann.patch('/api/me', { display_name: 'Ann C' }, key)).code).toBe('idempotency_mismatch')
    const refused = await ann.patch('/api/me', { nope: 1 }, { 'idempotency-key': 'profile-2' })
    const refusedAgain = await ann.patch('/api/me', { nope: 1 }, { 'idempotency-key': 'profile-2' })
    expect(refused.headers.get('idempotency-replayed')).toBeNull()
    expect(refusedAgain.headers.get('idempotency-replayed')).toBe('true')
    expect([refusedAgain.status, refusedAgain.text]).toEqual([422, refused.text])
  })
})

describe('other people', () => {
  test('co-members see each other, strangers get the 404 of a missing id (D9)', async () => {
    const seen = await ann.get(`/api/users/${bo.userId}`)
    expect(seen.body).toMatchObject({ data: { id: bo.userId, shared_application_ids: [application] } })
    expect(seen.text).not.toContain('@')
    const hidden = await ann.get(`/api/users/${stranger.userId}`)
    const missing = await ann.get(`/api/users/${uuid7()}`)
    const withoutId = (text: string) => text.replace(/"request_id":"[^"]+"/, '')
    expect(hidden.status).toBe(404)
    expect(withoutId(hidden.text)).toBe(withoutId(missing.text))
  })

  test('D121 the search finds co-members by name, an exact address for editors, wildcards literally', async () => {
    await bo.patch('/api/me', { display_name: 'Bo 100%_x' })
    expect(await search(ann, 'BO 1')).toEqual(['Bo 100%_x'])
    expect(await search(ann, '%_')).toEqual(['Bo 100%_x'])
    expect(await search(ann, '%%')).toEqual([])
    expect(await search(ann, 'o_1')).toEqual([])
    expect(await search(ann, 'stranger')).toEqual([])
    expect(await search(ann, 'ann')).toEqual([])
    expect(await search(ann, 'STRANGER@example.com')).toEqual(['stranger'])
    expect(await search(ann, 'tranger@example.com')).toEqual([])
    // a viewer may not learn who has an account
    expect(await search(bo, 'stranger@example.com')).toEqual([])
    expect((await ann.get('/api/users/search?q=a')).issues).toEqual(['q too_short'])
  })
})
