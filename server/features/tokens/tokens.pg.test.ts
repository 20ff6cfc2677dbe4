// API tokens narrow what their person may do, over every door; domain rules, sections 3 and 5.12.
import { describe, expect, onTestFinished, test } from 'vitest'
import { apply, dataOf, makeBoard, type Person, transact, written } from '#server/testing/board.ts'
import { type Client, createClient } from '#server/testing/client.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { parkedUpstream } from '#server/testing/parked-upstream.ts'
import { queryOnce, until } from '#server/testing/postgres.ts'
import { startTestServer } from '#server/testing/server.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
const other = await makeBoard(server, people)

interface ApiToken extends Client {
  readonly id: string
  readonly text: string
}

const bearer = (text: string) => createClient(server.url, { authorization: `Bearer ${text}` })

const tokenOf = async (person: Person, scopes: readonly string[], more: object = {}): Promise<ApiToken> => {
  const answer = await person.post('/auth/tokens', { name: 'script', scopes, ...more })
  const { id, token } = dataOf<{ id: string; token: string }>(answer)
  return { ...bearer(token), id, text: token }
}

const rename = (client: Client, title: string) =>
  client.post(`/api/projects/${board.projectId}/tasks`, { title, task_type: 'task' })

describe('making and ending', () => {
  test('the text is shown once; the table holds its hash and eight characters', async () => {
    const answer = await people.owner.post('/auth/tokens', { name: ' nightly ', scopes: ['read'] })
    expect(answer.status).toBe(201)
    const { token, ...row } = dataOf<{ token: string; id: string }>(answer)
    expect(token).toMatch(/^skp_[\w-]{43}$/)
    expect(row).toMatchObject({ name: 'nightly', prefix: token.slice(0, 8), scopes: ['read'], application_ids: null })
    const stored = await queryOnce(server.databaseUrl, 'select * from api_tokens where id = $1', [row.id])
    expect(JSON.stringify(stored.rows)).not.toContain(token.slice(8))
    expect(dataOf(await people.owner.get('/auth/tokens'))).toContainEqual(row)
    expect(JSON.stringify(dataOf(await people.member.get('/auth/tokens')))).not.toContain(row.id)
  })

  test('a repeated request makes one token, and its replay does not show the text again', async () => {
    const make = () =>
      people.admin.post('/auth/tokens', { name: 'twice', scopes: ['read'] }, { 'idempotency-key': 'token-twice-1' })
    const first = dataOf<{ id: string; token: string }>(await make())
    const again = dataOf<{ id: string; token?: string }>(await make())
    expect([again.id, again.token]).toEqual([first.id, undefined])
    const kept = await queryOnce(server.databaseUrl, 'select response from idempotency_keys')
    expect(JSON.stringify(kept.rows)).not.toContain(first.token)
  })

  test.each([
    ['no scope', { scopes: [] }, 'scopes too_short'],
    ['an unknown scope', { scopes: ['all'] }, 'scopes.0 not_in_enum'],
    ['a scope twice', { scopes: ['read', 'read'] }, 'scopes duplicate_ids'],
    ['a term in the past', { scopes: ['read'], expires_at: '2001-01-01T00:00:00Z' }, 'expires_at out_of_range'],
    ['no application', { scopes: ['read'], application_ids: [] }, 'application_ids too_short'],
  ])('%s is refused', async (_what, input, issue) => {
    const answer = await people.owner.post('/auth/tokens', { name: 'bad', ...input })
    expect([answer.status, ...answer.issues]).toEqual([422, issue])
  })

  test('a token cannot be limited to an application that its person is not in', async () => {
    const answer = await people.stranger.post('/auth/tokens', {
      name: 'nosy',
      scopes: ['read'],
      application_ids: [board.applicationId],
    })
    expect(answer.status).toBe(404)
  })

  test('at most 50 at a time; a revoked one makes room', async () => {
    const made = await Promise.all(
      Array.from({ length: 52 }, () => people.stranger.post('/auth/tokens', { name: 'n', scopes: ['read'] })),
    )
    expect(made.filter(answer => answer.status === 201)).toHaveLength(50)
    expect(new Set(made.filter(answer => answer.status !== 201).map(answer => answer.code))).toEqual(
      new Set(['limit_reached']),
    )
    const [first] = dataOf(await people.stranger.get('/auth/tokens'))
    written(await people.stranger.delete(`/auth/tokens/${first?.id}`))
    await tokenOf(people.stranger, ['read'])
  })

  test('a session that ends while a token is being made leaves none behind', async () => {
    const victim = await server.signUp('token-victim')
    const client = await server.database.pool.connect()
    onTestFinished(() => client.release())
    await client.query('begin')
    await client.query('select 1 from users where id = $1 for update', [victim.userId])
    await client.query('delete from sessions where user_id = $1', [victim.userId])
    const late = victim.post('/auth/tokens', { name: 'kept', scopes: ['read'] })
    await until('the token waits', async () => {
      const { rows } = await server.database.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    })
    await client.query('commit')
    expect((await late).code).toBe('unauthenticated')
    const { rows } = await queryOnce(server.databaseUrl, 'select 1 from api_tokens where user_id = $1', [victim.userId])
    expect(rows).toEqual([])
  })

  test('revoked and expired ones make room and are gone with the next that is made', async () => {
    const una = await server.signUp('una')
    const soon = new Date(server.clock.now().getTime() + 1000).toISOString()
    const made = await Promise.all(Array.from({ length: 50 }, () => tokenOf(una, ['read'], { expires_at: soon })))
    expect((await una.post('/auth/tokens', { name: 'n', scopes: ['read'] })).code).toBe('limit_reached')
    written(await una.delete(`/auth/tokens/${must(made[0]).id}`))
    server.clock.advance(1000)
    const next = await tokenOf(una, ['read'])
    const { rows } = await queryOnce(server.databaseUrl, 'select id from api_tokens where user_id = $1', [una.userId])
    expect(rows).toEqual([{ id: next.id }])
  })

  test('revoked, expired, and with a disabled account it is nobody’s', async () => {
    const [revoked, expiring] = [
      await tokenOf(people.member, ['read']),
      await tokenOf(people.member, ['read'], {
        expires_at: new Date(server.clock.now().getTime() + 60_000).toISOString(),
      }),
    ]
    expect((await people.owner.delete(`/auth/tokens/${revoked.id}`)).status).toBe(404)
    expect((await revoked.get('/api/me')).status).toBe(200)
    server.events.length = 0
    written(await people.member.delete(`/auth/tokens/${revoked.id}`))
    expect(server.events).toEqual([
      { type: 'session_ended', userId: people.member.userId, sessionPublicId: revoked.id },
    ])
    expect((await revoked.get('/api/me')).status).toBe(401)
    expect((await expiring.get('/api/me')).status).toBe(200)
    server.clock.advance(61_000)
    expect((await expiring.get('/api/me')).status).toBe(401)
    const gone = await tokenOf(await server.signUp('leaver'), ['read'])
    await queryOnce(server.databaseUrl, `update users set disabled_at = now() where email = 'leaver@example.com'`)
    expect((await gone.get('/api/me')).status).toBe(401)
  })
})

test('a session whose token begins like an API token is a session all the same', async () => {
  const lucky = await server.signUp('lucky')
  const text = `skp_${lucky.token.slice(4)}`
  await queryOnce(
    server.databaseUrl,
    `update sessions set id = encode(sha256($1::bytea), 'hex') where id = encode(sha256($2::bytea), 'hex')`,
    [Buffer.from(text), Buffer.from(lucky.token)],
  )
  expect((await bearer(text).get('/api/me')).status).toBe(200)
})

describe('scopes', () => {
  test('D120 a read-only token is 403 scope_missing on a write, over REST and in a transaction', async () => {
    const reader = await tokenOf(people.owner, ['read'])
    expect((await reader.get(`/api/projects/${board.projectId}`)).status).toBe(200)
    const write = await rename(reader, 'no')
    expect([write.status, write.code]).toEqual([403, 'scope_missing'])
    expect(write.body).toMatchObject({ error: { details: { required: 'write' } } })
    expect((await reader.post('/api/transactions', { transactions: [] })).code).toBe('scope_missing')
  })

  test('a write-only token reads nothing, and what it writes says so in the activity', async () => {
    const writer = await tokenOf(people.owner, ['write'])
    const task = written(await rename(writer, 'by a script')).data
    expect((await writer.get(`/api/tasks/${task.id}`)).code).toBe('scope_missing')
    expect((await writer.get(`/api/shapes/tasks?application_id=${board.applicationId}&offset=-1`)).code).toBe(
      'scope_missing',
    )
    const [entry] = dataOf(await people.owner.get(`/api/tasks/${task.id}/activity`))
    expect(entry).toMatchObject({ actor_kind: 'api_token', actor_id: people.owner.userId })
  })

  test('members, invitations and the end of an application need admin, in a transaction as well', async () => {
    const writer = await tokenOf(people.owner, ['read', 'write'])
    const role = { role: 'viewer' }
    const path = `/api/applications/${board.applicationId}/members/${people.editor.userId}`
    expect((await writer.patch(path, role)).code).toBe('scope_missing')
    expect((await writer.delete(`/api/applications/${board.applicationId}`)).code).toBe('scope_missing')
    const result = await transact(writer, [
      {
        name: 'member.set_role',
        args: { application_id: board.applicationId, user_id: people.editor.userId, ...role },
      },
    ])
    expect(result).toMatchObject({ status: 'rejected', error: { code: 'scope_missing' } })
    const admin = await tokenOf(people.owner, ['admin'])
    written(await admin.patch(path, role))
    written(await admin.patch(path, { role: 'editor' }))
  })

  test('no token manages sessions, tokens or the password', async () => {
    const all = await tokenOf(people.owner, ['read', 'write', 'files', 'collab', 'admin'])
    const tries = [
      await all.get('/auth/sessions'),
      await all.delete('/auth/sessions'),
      await all.post('/auth/refresh'),
      await all.post('/auth/logout'),
      await all.post('/auth/change-password', { current_password: 'x', new_password: 'something-long-9' }),
      await all.get('/auth/tokens'),
      await all.post('/auth/tokens', { name: 'more', scopes: ['admin'] }),
      await all.delete(`/auth/tokens/${all.id}`),
    ]
    expect(new Set(tries.map(answer => `${answer.status} ${answer.code}`))).toEqual(new Set(['403 scope_missing']))
    expect(tries[0]?.body).toMatchObject({ error: { details: { required: 'session' } } })
    expect((await all.get('/api/me')).status).toBe(200)
  })
})

describe('limited to applications', () => {
  test('D120 others are 404, also in lists, for people, in the catalogue and among the shapes', async () => {
    const limited = await tokenOf(people.owner, ['read', 'write', 'admin'], { application_ids: [board.applicationId] })
    const shape = (query: string) => limited.get(`/api/shapes/${query}&offset=-1`)
    expect((await limited.get(`/api/projects/${board.projectId}`)).status).toBe(200)
    expect((await shape(`tasks?application_id=${board.applicationId}`)).status).toBe(200)
    const hidden = [
      await limited.get(`/api/applications/${other.applicationId}`),
      await limited.get(`/api/projects/${other.projectId}`),
      await limited.get(`/api/applications/${other.applicationId}/activity`),
      await limited.patch(`/api/applications/${other.applicationId}`, { name: 'mine' }),
      await limited.get('/api/documents?scope=personal'),
      await limited.post('/api/documents', { scope: 'personal', title: 'diary' }),
      await shape(`tasks?application_id=${other.applicationId}`),
      await shape('me?'),
      await shape('my_memberships?'),
    ]
    expect(hidden.map(answer => answer.status)).toEqual(hidden.map(() => 404))
    expect(dataOf(await limited.get('/api/applications')).map(row => row.id)).toEqual([board.applicationId])
    expect(dataOf(await limited.get('/api/me/projects?all=true')).map(row => row.id)).toEqual([board.projectId])
    const catalogue = dataOf<{ name: string; scope: string; application_ids: string[] | null }[]>(
      await limited.get('/api/shapes'),
    )
    expect(new Set(catalogue.map(entry => entry.scope))).toEqual(new Set(['application']))
    expect(catalogue.find(entry => entry.name === 'tasks')?.application_ids).toEqual([board.applicationId])
    expect((await limited.post('/api/applications', { name: 'unseen' })).status).toBe(403)
  })

  test('notifications of other applications are neither read nor cleared', async () => {
    const mention = (projectBoard: typeof board) =>
      people.owner.post(`/api/projects/${projectBoard.projectId}/tasks`, {
        title: 'Yours',
        task_type: 'task',
        assignee_id: people.member.userId,
      })
    for (const each of [board, other]) written(await mention(each))
    const limited = await tokenOf(people.member, ['read', 'write'], { application_ids: [board.applicationId] })
    const all = dataOf<{ id: string; application_id: string }[]>(await people.member.get('/api/notifications'))
    expect(new Set(all.map(row => row.application_id))).toEqual(new Set([board.applicationId, other.applicationId]))
    const seen = dataOf<typeof all>(await limited.get('/api/notifications'))
    expect(new Set(seen.map(row => row.application_id))).toEqual(new Set([board.applicationId]))
    const counters = async (client: Pick<typeof limited, 'get'>) =>
      dataOf<{ counters: unknown }>(await client.get('/api/me')).counters
    expect(await counters(limited)).toMatchObject({ unread_notifications: seen.length })
    expect(await counters(people.member)).toMatchObject({ unread_notifications: all.length })
    const foreign = must(all.find(row => row.application_id === other.applicationId)).id
    expect((await limited.get(`/api/notifications/${foreign}`)).status).toBe(404)
    expect((await limited.delete(`/api/notifications/${foreign}`)).status).toBe(404)
    written(await limited.delete('/api/notifications'))
    const left = dataOf<typeof all>(await people.member.get('/api/notifications'))
    expect(new Set(left.map(row => row.application_id))).toEqual(new Set([other.applicationId]))
  })

  test('what is the person’s own stays his: profile, preferences, stored results of transactions', async () => {
    const id = '01890000-0000-7000-8000-00000000d0d0'
    await transact(people.owner, [{ name: 'folder.create', args: { scope: 'personal', name: 'Mine' } }], { id })
    const limited = await tokenOf(people.owner, ['read', 'write'], { application_ids: [board.applicationId] })
    const unlimited = await tokenOf(people.owner, ['read'])
    const tries = [
      await limited.patch('/api/me', { display_name: 'Robot' }),
      await limited.get('/api/notification-preferences'),
      await limited.put('/api/notification-preferences', { type: 'mention', in_app: false }),
      await limited.get(`/api/transactions/${id}`),
    ]
    expect(tries.map(answer => answer.status)).toEqual([404, 404, 404, 404])
    expect((await unlimited.get(`/api/transactions/${id}`)).status).toBe(200)
  })

  test('an open shape request ends with the term of its token, others stay', async () => {
    const { upstream, parked } = parkedUpstream()
    const own = await startTestServer({ upstream })
    const una = await own.signUp('una')
    const scopes = ['read']
    const expires_at = new Date(own.clock.now().getTime() + 700).toISOString()
    const [short, long] = await Promise.all(
      [{ scopes, expires_at }, { scopes }].map(async input => {
        const made = await una.post('/auth/tokens', { name: 'script', ...input })
        return createClient(own.url, { authorization: `Bearer ${dataOf<{ token: string }>(made).token}` })
      }),
    )
    const poll = '/api/shapes/me?offset=0_0&handle=h&live=true'
    let kept = 'open'
    const staying = must(long)
      .get(poll)
      .then(() => (kept = 'ended'))
    const ended = must(short).get(poll)
    await until('both polls are parked', () => parked() === 2)
    expect((await ended).code).toBe('unauthenticated')
    expect(kept).toBe('open')
    own.clock.advance(700)
    expect((await must(short).get(poll)).code).toBe('unauthenticated')
    expect(parked()).toBe(2)
    await own.close()
    await staying
  })

  test('a stored answer is not given again to a token that reaches less', async () => {
    const [id, key] = [uuid7(), { 'idempotency-key': 'other-doors-1' }]
    const rename = { name: 'project.update', args: { id: other.projectId, name: 'Secret' } }
    await apply(people.owner, [rename], { id })
    const patch = (by: Client) => by.patch(`/api/applications/${other.applicationId}`, { description: 'Secret' }, key)
    written(await patch(people.owner))
    const limited = await tokenOf(people.owner, ['read', 'write'], { application_ids: [board.applicationId] })
    expect(await transact(limited, [rename], { id })).toMatchObject({
      status: 'rejected',
      error: { code: 'idempotency_mismatch' },
    })
    expect((await patch(limited)).code).toBe('idempotency_mismatch')
    expect(await transact(await tokenOf(people.owner, ['write']), [rename], { id })).toMatchObject({ replayed: true })
  })

  test('nor is one of a command that its scopes do not allow; its person gets it again', async () => {
    const id = uuid7()
    const promote = {
      name: 'member.set_role',
      args: { application_id: board.applicationId, user_id: people.editor.userId, role: 'editor' },
    }
    await apply(people.owner, [promote], { id })
    const writer = await tokenOf(people.owner, ['read', 'write'])
    expect(await transact(writer, [promote], { id })).toMatchObject({
      status: 'rejected',
      error: { code: 'scope_missing' },
    })
    for (const by of [people.owner, await tokenOf(people.owner, ['write', 'admin'])])
      expect(await transact(by, [promote], { id })).toMatchObject({ status: 'applied', replayed: true })
  })

  test('its own answers are given again, to it, to one that is limited alike, and to its person', async () => {
    const id = uuid7()
    const write = { name: 'project.update', args: { id: board.projectId, name: 'Robot quay' } }
    const application_ids = [board.applicationId, other.applicationId]
    await apply(await tokenOf(people.owner, ['write'], { application_ids }), [write], { id })
    const alike = await tokenOf(people.owner, ['write'], { application_ids: application_ids.toReversed() })
    for (const by of [alike, people.owner])
      expect(await transact(by, [write], { id })).toMatchObject({ status: 'applied', replayed: true })
  })

  test('what the person loses the token loses', async () => {
    const limited = await tokenOf(people.viewer, ['read'], { application_ids: [other.applicationId] })
    expect((await limited.get(`/api/projects/${other.projectId}`)).status).toBe(200)
    written(await people.owner.delete(`/api/applications/${other.applicationId}/members/${people.viewer.userId}`))
    expect((await limited.get(`/api/projects/${other.projectId}`)).status).toBe(404)
  })
})

describe('collaboration tokens', () => {
  const make = async (client: Client) => {
    const answer = await client.post('/auth/collab-token')
    if (answer.status !== 200) throw new Error(answer.text)
    const { token, expires_in } = answer.body as { token: string; expires_in: number }
    expect(expires_in).toBe(60)
    return token
  }
  const redeem = (token: string) => server.app.tokens.redeemCollab(token)

  test('one is good once, for 60 seconds, and for nothing but the socket', async () => {
    const token = await make(people.owner)
    expect((await bearer(token).get('/api/me')).status).toBe(401)
    const both = await Promise.all([redeem(token), redeem(token)])
    expect(new Set(both.map(actor => actor?.userId))).toEqual(new Set([people.owner.userId, undefined]))
    const late = await make(people.owner)
    server.clock.advance(60_000)
    expect(await redeem(late)).toBeUndefined()
  })

  test('it ends with the session or the API token that asked for it, and is no wider', async () => {
    const leaver = await server.signUp('collab-leaver')
    const ofSession = await make(leaver)
    const actor = must(await redeem(await make(leaver)))
    await leaver.post('/auth/logout')
    expect(await redeem(ofSession)).toBeUndefined()
    await expect(server.app.tokens.issueCollab(actor)).rejects.toMatchObject({ code: 'unauthenticated' })
    const api = await tokenOf(people.admin, ['collab'], { application_ids: [board.applicationId] })
    expect(await redeem(await make(api))).toMatchObject({
      userId: people.admin.userId,
      sessionPublicId: api.id,
      token: { scopes: ['collab'], applicationIds: [board.applicationId] },
    })
    const ofToken = await make(api)
    written(await people.admin.delete(`/auth/tokens/${api.id}`))
    expect(await redeem(ofToken)).toBeUndefined()
    expect((await (await tokenOf(people.admin, ['read'])).post('/auth/collab-token')).code).toBe('scope_missing')
  })
})
