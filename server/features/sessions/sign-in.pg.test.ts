import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createClient } from '#server/testing/client.ts'
import { queryOnce, until } from '#server/testing/postgres.ts'
import { parkedUpstream } from '#server/testing/parked-upstream.ts'
import { startTestServer, testPassword, type TestServer } from '#server/testing/server.ts'
import { accountTools, purgeSessions } from './index.ts'

interface SessionBody {
  readonly access_token: string
  readonly token_type: string
  readonly expires_at: string
  readonly user: Record<string, unknown>
}

const day = 86_400_000

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const cookieOf = (headers: Headers): string => headers.getSetCookie().join(' | ')
const bearer = (token: string) => createClient(server.url, { authorization: `Bearer ${token}` })
const login = (email: string, password = testPassword) => server.anonymous.post('/auth/login', { email, password })
const sql = async (text: string, values: unknown[] = []) => (await queryOnce(server.databaseUrl, text, values)).rows

test('the API reference can be made of all routes; each operation has a name of its own', async () => {
  const answer = await server.anonymous.get('/api/openapi.json')
  expect(answer.status).toBe(200)
  type Operation = { operationId: string; requestBody?: { content: object } }
  const { paths } = answer.body as { paths: Record<string, Record<string, Operation>> }
  expect(Object.keys(paths['/auth/login']?.['post']?.requestBody?.content ?? {})).toEqual([
    'application/json',
    'application/x-www-form-urlencoded',
  ])
  const operations = Object.values(paths).flatMap(path => Object.values(path))
  expect(operations.length).toBeGreaterThan(server.app.routes.length)
  expect(new Set(operations.map(operation => operation.operationId)).size).toBe(operations.length)
})

describe('registration', () => {
  test('answers a session, sets the cookie, and never shows the password hash', async () => {
    const answer = await server.anonymous.post('/auth/register', {
      email: '  Ann@Example.com ',
      password: testPassword,
      device_name: 'Laptop',
    })
    expect(answer.status).toBe(201)
    const body = answer.body as SessionBody
    expect(body.token_type).toBe('bearer')
    expect(body.user).toMatchObject({ email: 'Ann@Example.com', display_name: 'Ann', is_admin: false, version: 1 })
    expect(Object.keys(body.user)).not.toContain('password_hash')
    expect(Buffer.from(body.access_token, 'base64url')).toHaveLength(32)
    expect(cookieOf(answer.headers)).toMatch(
      new RegExp(`^skerry_session=${body.access_token}; HttpOnly; Max-Age=\\d+; Path=/; SameSite=Lax$`),
    )
    expect((await bearer(body.access_token).get('/api/me')).status).toBe(200)
  })

  test('the table holds the SHA-256 of the token and an argon2id hash of the password, nothing else', async () => {
    const ann = await server.signUp('hash')
    const [row] = await sql(
      `select s.id, encode(sha256($1::bytea), 'hex') as expected, u.password_hash
         from sessions s join users u on u.id = s.user_id where u.id = $2`,
      [Buffer.from(ann.token), ann.userId],
    )
    expect(row.id).toBe(row.expected)
    expect(row.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })

  test('a taken address is 409 email_taken, whatever its letter case', async () => {
    await server.signUp('twice')
    const answer = await server.anonymous.post('/auth/register', { email: 'TWICE@example.com', password: testPassword })
    expect([answer.status, answer.code]).toEqual([409, 'email_taken'])
  })

  test.each([
    ['too short', 'short-7', 'password too_short'],
    ['too long', 'x'.repeat(129), 'password too_long'],
    ['among the commonest', 'Password123', 'password bad_format'],
    ['holding the address', 'my WEAK@example.com!', 'password bad_format'],
  ])('a password %s is refused', async (_what, password, issue) => {
    const answer = await server.anonymous.post('/auth/register', { email: 'weak@example.com', password })
    expect(answer.status).toBe(422)
    expect(answer.issues).toEqual([issue])
  })

  test('D8 a body with three faults yields three issues', async () => {
    const answer = await server.anonymous.post('/auth/register', { email: 'no', password: 'short', colour: 'red' })
    expect(answer.status).toBe(422)
    expect(answer.issues).toEqual(['colour unknown_field', 'email bad_format', 'password too_short'])
  })

  test('REGISTRATION=closed refuses', async () => {
    const closed = await startTestServer({ env: { REGISTRATION: 'closed' } })
    const refused = await closed.anonymous.post('/auth/register', { email: 'a@example.com', password: testPassword })
    expect([refused.status, refused.code]).toEqual([403, 'forbidden'])
    await closed.close()
  })

  test('D32 REGISTRATION=invite lets people in by their invitation alone', async () => {
    const invite = await startTestServer({ env: { REGISTRATION: 'invite' } })
    const owner = { email: 'owner@example.com', password: testPassword }
    await accountTools(invite.app.write, invite.app.sessions).createUser(owner)
    const { access_token: token } = (await invite.anonymous.post('/auth/login', owner)).body as SessionBody
    const client = createClient(invite.url, { authorization: `Bearer ${token}` })
    const { id } = ((await client.post('/api/applications', { name: 'Harbour' })).body as { data: { id: string } }).data
    const sent = await client.post(`/api/applications/${id}/invitations`, { email: 'b@example.com', role: 'viewer' })
    const { link } = (sent.body as { data: { link: string } }).data
    const invitation = link.split(/[/=]/).at(-1)

    const register = (extra: object) =>
      invite.anonymous.post('/auth/register', { email: 'b@example.com', password: testPassword, ...extra })
    expect((await register({})).issues).toEqual(['invitation_token required'])
    expect((await register({ invitation_token: 'made-up' })).status).toBe(404)
    // the refused attempt has left no account behind
    const joined = await register({ invitation_token: invitation })
    expect(joined.status).toBe(201)
    const { rows } = await queryOnce(
      invite.databaseUrl,
      'select m.role from application_members m join users u on u.id = m.user_id where u.email = $1',
      ['b@example.com'],
    )
    expect(rows).toEqual([{ role: 'viewer' }])
    await invite.close()
  })
})

describe('login', () => {
  test('D117 JSON and form answer token, type, expiry and user', async () => {
    await server.signUp('form')
    const json = await login('form@example.com')
    const form = await server.anonymous.request(
      'POST',
      '/auth/login',
      new URLSearchParams({ grant_type: 'password', username: 'FORM@example.com', password: testPassword }),
    )
    for (const answer of [json, form]) {
      expect(answer.status).toBe(200)
      const body = answer.body as SessionBody
      expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_at', 'token_type', 'user'])
      expect(body.user['email']).toBe('form@example.com')
      expect(Date.parse(body.expires_at)).toBe(server.clock.now().getTime() + 30 * day)
      expect(cookieOf(answer.headers)).toContain(`skerry_session=${body.access_token}`)
      expect((await bearer(body.access_token).get('/auth/me')).status).toBe(200)
    }
  })

  test('D117 unknown address and wrong password are the same answer after the same work', async () => {
    await server.signUp('known')
    // the fastest of several: other work on the machine only ever makes an answer slower
    const timed = async (email: string) => {
      let ms = Number.POSITIVE_INFINITY
      let answer = await login(email, 'wrong-password-1')
      for (let n = 0; n < 5; n += 1) {
        const begin = performance.now()
        answer = await login(email, 'wrong-password-1')
        ms = Math.min(ms, performance.now() - begin)
      }
      return { answer, ms }
    }
    const wrong = await timed('known@example.com')
    const unknown = await timed('unknown@example.com')
    const neither = await timed('not an address')
    for (const { answer } of [wrong, unknown, neither]) {
      expect([answer.status, answer.code]).toEqual([401, 'invalid_credentials'])
      expect(answer.headers.getSetCookie()).toEqual([])
    }
    const withoutId = (text: string) => text.replace(/"request_id":"[^"]+"/, '')
    expect(withoutId(unknown.answer.text)).toBe(withoutId(wrong.answer.text))
    // argon2 costs some 50 ms; leaving it out would be a twentieth of the time, not a third
    expect(unknown.ms).toBeGreaterThan(wrong.ms / 3)
  })

  test('a disabled account is told so only with the right password, and its sessions are gone', async () => {
    const dan = await server.signUp('dan')
    const tools = accountTools(server.app.write, server.app.sessions)
    expect(await tools.disableUser('DAN@example.com')).toEqual({ endedSessions: 1 })
    expect(server.events.at(-1)).toMatchObject({ type: 'session_ended', userId: dan.userId })
    expect((await dan.get('/api/me')).code).toBe('unauthenticated')
    expect((await login('dan@example.com')).code).toBe('account_disabled')
    expect((await login('dan@example.com', 'wrong-password-1')).code).toBe('invalid_credentials')
    await tools.enableUser('DAN@example.com')
    expect((await dan.get('/api/me')).code).toBe('unauthenticated')
    expect((await login('dan@example.com')).status).toBe(200)
  })

  test('who signs in while the account is being disabled is told so; enabling it wakes no session', async () => {
    const mia = await server.signUp('mia')
    const admin = new pg.Client({ connectionString: server.databaseUrl })
    await admin.connect()
    onTestFinished(() => admin.end())
    await admin.query('begin')
    await admin.query('update users set disabled_at = now() where id = $1', [mia.userId])
    const late = login('mia@example.com')
    const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    await until('the sign-in waits', async () => (await sql(waiting)).length > 0)
    await admin.query('commit')
    expect((await late).code).toBe('account_disabled')
    await accountTools(server.app.write, server.app.sessions).enableUser('mia@example.com')
    expect((await mia.get('/api/me')).code).toBe('unauthenticated')
  })

  test('a session that outlives the disabling of its account is dead all the same', async () => {
    const pat = await server.signUp('pat')
    await sql('update users set disabled_at = now() where id = $1', [pat.userId])
    expect((await pat.get('/api/me')).code).toBe('unauthenticated')
  })

  test('the command line makes accounts and sets passwords', async () => {
    const tools = accountTools(server.app.write, server.app.sessions)
    await tools.createUser({ email: 'cli@example.com', password: testPassword, display_name: 'Cli' })
    expect((await login('cli@example.com')).status).toBe(200)
    expect(await tools.setPassword('cli@example.com', 'another-good-one')).toEqual({ endedSessions: 1 })
    expect((await login('cli@example.com')).code).toBe('invalid_credentials')
    expect((await login('cli@example.com', 'another-good-one')).status).toBe(200)
    const isAdmin = () => sql('select is_admin from users where email = $1', ['cli@example.com'])
    await tools.setAdmin('CLI@example.com', true)
    expect(await isAdmin()).toEqual([{ is_admin: true }])
    await tools.setAdmin('cli@example.com', false)
    expect(await isAdmin()).toEqual([{ is_admin: false }])
    const nobody = 'nobody@example.com'
    await expect(tools.disableUser(nobody)).rejects.toMatchObject({ code: 'not_found' })
    await expect(tools.enableUser(nobody)).rejects.toMatchObject({ code: 'not_found' })
    await expect(tools.setAdmin(nobody, true)).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('limits', () => {
  test('ten logins a minute per address, and ten in 15 minutes per account from any address', async () => {
    const limited = await startTestServer({ env: { RATE_LIMITS: 'on', TRUSTED_PROXIES: '127.0.0.1' } })
    const attempt = (email: string, ip: string) =>
      limited.anonymous.post('/auth/login', { email, password: 'wrong-password-1' }, { 'x-forwarded-for': ip })
    const statuses = async (count: number, email: (n: number) => string, ip: (n: number) => string) => {
      const found: number[] = []
      for (let n = 0; n < count; n += 1) found.push((await attempt(email(n), ip(n))).status)
      return found
    }
    expect(
      await statuses(
        11,
        n => `u${n}@example.com`,
        () => '192.0.2.1',
      ),
    ).toEqual([...Array(10).fill(401), 429])
    const blocked = await attempt('u0@example.com', '192.0.2.1')
    expect(blocked.code).toBe('rate_limited')
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(blocked.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    // another account, every time from elsewhere
    expect(
      await statuses(
        11,
        () => 'victim@example.com',
        n => `198.51.100.${n}`,
      ),
    ).toEqual([...Array(10).fill(401), 429])
    limited.clock.advance(61_000)
    expect((await attempt('u11@example.com', '192.0.2.1')).status).toBe(401)
    expect((await attempt('victim@example.com', '192.0.2.1')).status).toBe(429)
    limited.clock.advance(15 * 60_000)
    expect((await attempt('victim@example.com', '192.0.2.1')).status).toBe(401)
    await limited.close()
  })
})

describe('a session', () => {
  test('slides: prolonged when less than half is left, dead after 30 days without a request', async () => {
    const own = await startTestServer()
    const eve = await own.signUp('eve')
    const cookie = createClient(own.url, { cookie: `other=1; skerry_session=${eve.token}` })
    own.clock.advance(14 * day)
    expect((await cookie.get('/api/me')).headers.getSetCookie()).toEqual([])
    own.clock.advance(2 * day)
    const prolonged = await cookie.get('/api/me')
    expect(prolonged.headers.getSetCookie().join()).toContain(`skerry_session=${eve.token}`)
    own.clock.advance(29 * day)
    expect((await cookie.get('/api/me')).status).toBe(200)
    const again = await own.anonymous.post('/auth/login', { email: 'eve@example.com', password: testPassword })
    const other = createClient(own.url, { authorization: `Bearer ${(again.body as SessionBody).access_token}` })
    const listed = async () => ((await other.get('/auth/sessions')).body as { data: object[] }).data.length
    expect(await listed()).toBe(2)
    own.clock.advance(16 * day)
    expect((await other.get('/api/me')).status).toBe(200)
    own.clock.advance(15 * day)
    // expired, though nobody has come by to remove the row
    expect(await listed()).toBe(1)
    expect((await cookie.get('/api/me')).code).toBe('unauthenticated')
    const left = async () => (await queryOnce(own.databaseUrl, 'select 1 from sessions')).rowCount
    expect(await left()).toBe(1)
    own.clock.advance(31 * day)
    expect(await purgeSessions(own.app.write)).toBe(1)
    expect(await left()).toBe(0)
    await own.close()
  })

  test('D16 by cookie a POST needs an allowed Origin, by bearer it does not', async () => {
    const finn = await server.signUp('finn')
    const cookie = createClient(server.url, { cookie: `skerry_session=${finn.token}` })
    expect((await cookie.patch('/api/me', { display_name: 'F' })).code).toBe('csrf_failed')
    expect((await cookie.patch('/api/me', { display_name: 'F' }, { origin: 'http://evil.test' })).code).toBe(
      'csrf_failed',
    )
    expect((await cookie.patch('/api/me', { display_name: 'F' }, { origin: 'http://app.test' })).status).toBe(200)
    expect((await finn.patch('/api/me', { display_name: 'Finn' })).status).toBe(200)
  })

  test('a token in the URL is no credential', async () => {
    const gus = await server.signUp('gus')
    for (const name of ['access_token', 'token', 'skerry_session']) {
      expect((await server.anonymous.get(`/auth/sessions?${name}=${gus.token}`)).code).toBe('unauthenticated')
    }
  })

  test('refresh: the former token dies at once, the session keeps its id', async () => {
    const hal = await server.signUp('hal')
    const before = (await hal.get('/auth/sessions')).body as { data: { id: string }[] }
    const answer = await hal.post('/auth/refresh')
    expect(answer.status).toBe(200)
    const fresh = bearer((answer.body as SessionBody).access_token)
    expect((await hal.get('/api/me')).code).toBe('unauthenticated')
    const after = (await fresh.get('/auth/sessions')).body as { data: { id: string; current: boolean }[] }
    expect(after.data.map(row => row.id)).toEqual(before.data.map(row => row.id))
    expect(after.data[0]?.current).toBe(true)
  })

  test('lives whatever its token is, until it expires or ends or its account is disabled; asking prolongs nothing', async () => {
    const own = await startTestServer()
    const lives = (id: string) => own.app.sessions.lives(id)
    const begin = async (name: string) => {
      const person = await own.signUp(name)
      const { data } = (await person.get('/auth/sessions')).body as { data: readonly { id: string }[] }
      return { person, id: data[0]?.id ?? '' }
    }
    const [hal, ida, pat] = [await begin('hal'), await begin('ida'), await begin('pat')]
    await hal.person.post('/auth/refresh')
    expect(await Promise.all([hal, ida, pat].map(({ id }) => lives(id)))).toEqual([true, true, true])
    await ida.person.post('/auth/logout')
    await queryOnce(own.databaseUrl, 'update users set disabled_at = now() where id = $1', [pat.person.userId])
    expect(await Promise.all([hal, ida, pat].map(({ id }) => lives(id)))).toEqual([true, false, false])
    own.clock.advance(29 * day)
    expect(await lives(hal.id)).toBe(true)
    own.clock.advance(2 * day)
    expect(await lives(hal.id)).toBe(false)
    await own.close()
  })

  test('logout removes the row, clears the cookie and announces it', async () => {
    const ida = await server.signUp('ida')
    const answer = await ida.post('/auth/logout')
    expect(answer.status).toBe(200)
    expect(cookieOf(answer.headers)).toMatch(/^skerry_session=; .*Max-Age=0/)
    expect((await ida.get('/api/me')).code).toBe('unauthenticated')
    expect(await sql('select 1 from sessions where user_id = $1', [ida.userId])).toEqual([])
    expect(server.events.at(-1)).toMatchObject({ type: 'session_ended', userId: ida.userId })
  })

  test('D119 changing the password ends all other sessions and announces each', async () => {
    const jo = await server.signUp('jo')
    const second = bearer(((await login('jo@example.com')).body as SessionBody).access_token)
    const third = bearer(((await login('jo@example.com')).body as SessionBody).access_token)
    const wrong = await jo.post('/auth/change-password', {
      current_password: 'wrong-password-1',
      new_password: 'a-new-and-good-one',
    })
    expect([wrong.status, wrong.code]).toEqual([401, 'invalid_credentials'])
    expect((await second.get('/api/me')).status).toBe(200)

    const before = server.events.length
    const changed = await jo.post('/auth/change-password', {
      current_password: testPassword,
      new_password: 'a-new-and-good-one',
    })
    expect(changed.status).toBe(200)
    expect(changed.body).toEqual({ data: { id: jo.userId }, txid: null })
    expect((await jo.get('/api/me')).status).toBe(200)
    expect((await second.get('/api/me')).code).toBe('unauthenticated')
    expect((await third.get('/api/me')).code).toBe('unauthenticated')
    expect(server.events.slice(before).map(event => event.type)).toEqual(['session_ended', 'session_ended'])
    expect((await login('jo@example.com')).code).toBe('invalid_credentials')
    expect((await login('jo@example.com', 'a-new-and-good-one')).status).toBe(200)
  })

  test('D119 an open shape request of an ended session stops within a second, that of the session kept stays', async () => {
    const { upstream, parked } = parkedUpstream()
    const own = await startTestServer({ upstream })
    const una = await own.signUp('una')
    const again = await own.anonymous.post('/auth/login', { email: 'una@example.com', password: testPassword })
    const second = createClient(own.url, { authorization: `Bearer ${(again.body as SessionBody).access_token}` })
    const poll = '/api/shapes/me?offset=0_0&handle=h&live=true'
    const ended = second.get(poll)
    let kept = 'open'
    const staying = una.get(poll).then(() => (kept = 'ended'))
    await until('both polls are parked', () => parked() === 2)
    const begin = performance.now()
    const changed = { current_password: testPassword, new_password: 'a-new-and-good-one' }
    expect((await una.post('/auth/change-password', changed)).status).toBe(200)
    await ended
    expect(performance.now() - begin).toBeLessThan(1000)
    expect((await second.get(poll)).code).toBe('unauthenticated')
    expect(kept).toBe('open')
    await own.close()
    await staying
  })

  test('of two changes of password at once one holds and the other is told', async () => {
    const sue = await server.signUp('sue')
    const change = (password: string) =>
      sue.post('/auth/change-password', { current_password: testPassword, new_password: password })
    const answers = await Promise.all([change('first-of-two-1'), change('second-of-two-2')])
    expect(new Set(answers.map(answer => answer.status))).toEqual(new Set([200, 401]))
    const works = await Promise.all(['first-of-two-1', 'second-of-two-2'].map(p => login('sue@example.com', p)))
    expect(works.map(answer => answer.status)).toEqual(answers.map(answer => answer.status))
  })

  test('whoever signs in with a password while it is being changed is not let in', async () => {
    const { userId } = await server.signUp('ulf')
    const client = await server.database.pool.connect()
    onTestFinished(() => client.release())
    await client.query('begin')
    await client.query(`update users set password_hash = 'another' where id = $1`, [userId])
    await client.query('delete from sessions where user_id = $1', [userId])
    let answered = false
    const late = login('ulf@example.com').finally(() => {
      answered = true
    })
    await until('the login waits, or does not', async () => {
      const { rows } = await server.database.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return answered || rows.length > 0
    })
    await client.query('commit')
    expect((await late).code).toBe('invalid_credentials')
    expect(await sql('select 1 from sessions where user_id = $1', [userId])).toEqual([])
  })

  test('sessions are listed with their device and ended one by one or all others at once', async () => {
    const kim = await server.signUp('kim')
    const lee = await server.signUp('lee')
    const named = await server.anonymous.post(
      '/auth/login',
      { email: 'kim@example.com', password: testPassword, device_name: 'Phone' },
      { 'user-agent': 'Test/1' },
    )
    const phone = bearer((named.body as SessionBody).access_token)
    const list = (await kim.get('/auth/sessions')).body as { data: Record<string, unknown>[] }
    expect(list.data).toHaveLength(2)
    const entry = list.data.find(row => row['device_name'] === 'Phone')
    expect(entry).toMatchObject({ user_agent: 'Test/1', ip: '127.0.0.1', current: false })
    expect(JSON.stringify(list)).not.toContain(kim.token)

    const id = String(entry?.['id'])
    expect((await lee.delete(`/auth/sessions/${id}`)).code).toBe('not_found')
    expect((await phone.get('/api/me')).status).toBe(200)
    expect((await kim.delete(`/auth/sessions/${id}`)).status).toBe(200)
    expect(server.events.at(-1)).toEqual({ type: 'session_ended', userId: kim.userId, sessionPublicId: id })
    expect((await phone.get('/api/me')).code).toBe('unauthenticated')
    expect((await kim.delete(`/auth/sessions/${id}`)).code).toBe('not_found')

    const more = bearer(((await login('kim@example.com')).body as SessionBody).access_token)
    const others = await kim.delete('/auth/sessions')
    expect(others.body).toMatchObject({ data: { ended: 1 }, txid: null })
    expect((await more.get('/api/me')).code).toBe('unauthenticated')
    expect((await kim.get('/api/me')).status).toBe(200)
    expect((await lee.get('/api/me')).status).toBe(200)
  })

  test('last_seen_at moves at most once a minute', async () => {
    const mo = await server.signUp('mo')
    const seen = async () =>
      (await sql('select last_seen_at from sessions where user_id = $1', [mo.userId]))[0].last_seen_at
    const first = await seen()
    server.clock.advance(30_000)
    await mo.get('/api/me')
    expect(await seen()).toEqual(first)
    server.clock.advance(31_000)
    await mo.get('/api/me')
    expect(await seen()).toEqual(server.clock.now())
  })
})
