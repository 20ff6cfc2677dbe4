// Invitations (domain rules, sections 3, 4 and 5.3).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import {
  type Board,
  dataOf,
  makeBoard,
  type People,
  type Row,
  signUpPeople,
  transact,
  written,
} from '#server/testing/board.ts'
import { toldTo } from '#server/testing/notices.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer, testPassword } from '#server/testing/server.ts'

let server: TestServer
let people: People
let board: Board
let url: string

beforeAll(async () => {
  server = await startTestServer()
  people = await signUpPeople(server)
})
afterAll(() => server.close())
beforeEach(async () => {
  board = await makeBoard(server, people)
  url = `/api/applications/${board.applicationId}`
})

const invite = (by: keyof People, body: Record<string, unknown>) => people[by].post(`${url}/invitations`, body)
const invitation = async (body: Record<string, unknown> = {}, by: keyof People = 'owner'): Promise<Row> =>
  written(await invite(by, { user_id: people.stranger.userId, role: 'editor', ...body })).data
const stateOf = async (id: string) =>
  (await queryOnce(server.databaseUrl, 'select state from invitations where id = $1', [id])).rows[0] as {
    state: string
  }
const tokenOf = (row: Row): string => String(row.link).split('/').at(-1) ?? ''
const day = 86_400_000

describe('creating', () => {
  test('D22 who may invite whom', async () => {
    const asks: [keyof People, string, number][] = [
      ['owner', 'owner', 201],
      ['editor', 'owner', 403],
      ['editor', 'editor', 201],
      ['editor', 'viewer', 201],
      ['viewer', 'viewer', 403],
      ['stranger', 'viewer', 404],
    ]
    for (const [by, role, status] of asks) {
      const answer = await invite(by, { email: `${by}-${role}@elsewhere.example`, role })
      expect([by, role, answer.status]).toEqual([by, role, status])
    }
    written(await people.owner.patch(url, { editors_may_add_editors: false }))
    expect((await invite('editor', { email: 'a@elsewhere.example', role: 'editor' })).code).toBe('forbidden')
    expect((await invite('editor', { email: 'a@elsewhere.example', role: 'viewer' })).status).toBe(201)
  })

  test('D33 D1 a second pending one for the person, by account or address, is invitation_pending', async () => {
    const id = uuid7()
    await invitation({ id })
    expect((await invite('owner', { user_id: people.stranger.userId, role: 'viewer' })).code).toBe('invitation_pending')
    expect((await invite('owner', { email: 'STRANGER@example.com', role: 'viewer' })).code).toBe('invitation_pending')
    await invitation({ user_id: undefined, email: 'New@Elsewhere.example' })
    expect((await invite('owner', { email: 'new@elsewhere.example', role: 'viewer' })).code).toBe('invitation_pending')
    expect((await invite('owner', { id, user_id: people.stranger.userId, role: 'editor' })).code).toBe('id_taken')
  })

  test('members, oneself and unknown people are refused; exactly one of account and address', async () => {
    expect((await invite('owner', { user_id: people.viewer.userId, role: 'editor' })).code).toBe('already_member')
    expect((await invite('owner', { email: 'viewer@example.com', role: 'editor' })).code).toBe('already_member')
    expect((await invite('owner', { user_id: people.owner.userId, role: 'editor' })).status).toBe(422)
    expect((await invite('owner', { user_id: uuid7(), role: 'editor' })).code).toBe('not_found')
    const both = await invite('owner', { user_id: people.stranger.userId, email: 'x@y.example', role: 'editor' })
    expect(both.issues).toEqual(['user_id required'])
    expect((await invite('owner', { role: 'editor' })).issues).toEqual(['user_id required'])
  })

  test('projects: where the inviter is admin, in the application, not for viewers', async () => {
    const projects = [{ project_id: board.projectId, role: 'member' }]
    const stranger = { user_id: people.stranger.userId }
    expect((await invite('editor', { ...stranger, role: 'editor', projects })).code).toBe('forbidden')
    expect((await invite('owner', { ...stranger, role: 'viewer', projects })).issues).toEqual([
      'projects role_not_allowed',
    ])
    const other = await makeBoard(server, people)
    const foreign = await invite('owner', { ...stranger, role: 'editor', projects: [{ project_id: other.projectId }] })
    expect(foreign.issues).toEqual(['projects.0.project_id bad_format'])
    expect((await invite('admin', { ...stranger, role: 'editor', projects })).status).toBe(201)
  })

  test('D32 the token is shown once and stored as a hash only', async () => {
    const row = await invitation({ user_id: undefined, email: 'fresh@elsewhere.example' })
    expect(row.link).toMatch(/^http:\/\/app\.test\/#\/invitation\/[\w-]{43}$/)
    const { rows } = await queryOnce(server.databaseUrl, 'select to_jsonb(i) as all from invitations i where id = $1', [
      row.id,
    ])
    expect(JSON.stringify(rows)).not.toContain(tokenOf(row))
    expect((await people.owner.get(`${url}/invitations`)).text).not.toContain('token_hash')
    expect((await invitation()).link).toBeUndefined()
  })

  test('D32 what is kept for replays has no token either', async () => {
    const args = { application_id: board.applicationId, role: 'viewer' }
    const headers = { 'idempotency-key': 'invite-once-1' }
    const send = () =>
      people.owner.post(`${url}/invitations`, { role: 'viewer', email: 'one@elsewhere.example' }, headers)
    const [first, again] = [written(await send()).data, written(await send()).data]
    expect([again.id, again.link]).toEqual([first.id, undefined])
    const queued = await transact(people.owner, [
      { name: 'invitation.create', args: { ...args, email: 'two@elsewhere.example' } },
    ])
    const tokens = [first, must(queued.results?.[0]).data].map(tokenOf)
    const { rows } = await queryOnce(
      server.databaseUrl,
      'select response as text from idempotency_keys union all select result from applied_transactions',
    )
    for (const token of tokens) {
      expect(token).toMatch(/^[\w-]{43}$/)
      expect(JSON.stringify(rows)).not.toContain(token)
    }
  })
})

describe('taking back and sending again', () => {
  test('inviter and owners cancel; others may not, strangers see nothing', async () => {
    const row = await invitation({}, 'editor')
    const cancel = (by: keyof People) => people[by].delete(`/api/invitations/${row.id}`)
    expect((await cancel('viewer')).code).toBe('forbidden')
    expect((await people.admin.get(`/api/invitations/${row.id}`)).code).toBe('not_found')
    for (const name of ['owner', 'editor', 'stranger'] as const) {
      expect(dataOf<Row>(await people[name].get(`/api/invitations/${row.id}`)).id).toBe(row.id)
    }
    expect(written(await cancel('editor')).data).toEqual({ id: row.id })
    expect((await cancel('owner')).code).toBe('invitation_closed')
    expect((await people.stranger.post(`/api/invitations/${row.id}/accept`)).code).toBe('invitation_closed')
    expect((await invite('owner', { user_id: people.stranger.userId, role: 'viewer' })).status).toBe(201)
  })

  test('resend: a new token, a new term, at most once a minute', async () => {
    const row = await invitation({ user_id: undefined, email: 'again@elsewhere.example' })
    const resend = () => people.owner.post(`/api/invitations/${row.id}/resend`)
    const early = await resend()
    expect([early.status, early.code]).toEqual([429, 'rate_limited'])
    expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(0)
    server.clock.advance(61_000)
    const again = written(await resend()).data
    expect(Date.parse(String(again.expires_at))).toBe(server.clock.now().getTime() + 14 * day)
    expect((await people.stranger.post('/api/invitations/accept', { token: tokenOf(row) })).code).toBe('not_found')
    written(await people.stranger.post('/api/invitations/accept', { token: tokenOf(again) }))
  })

  test('D22 resending needs the right to invite in that role today', async () => {
    const row = await invitation({ role: 'editor' }, 'editor')
    const resend = () => people.editor.post(`/api/invitations/${row.id}/resend`)
    server.clock.advance(61_000)
    written(await people.owner.patch(url, { editors_may_add_editors: false }))
    expect((await resend()).code).toBe('forbidden')
    written(await people.owner.patch(url, { editors_may_add_editors: true }))
    written(await people.owner.patch(`${url}/members/${people.editor.userId}`, { role: 'viewer' }))
    expect((await resend()).code).toBe('forbidden')
    // taking back is still his
    expect((await people.editor.delete(`/api/invitations/${row.id}`)).status).toBe(200)
  })

  test('a batch answers per item', async () => {
    const answer = await people.editor.post(`${url}/invitations/batch`, {
      invitations: [
        { email: 'one@elsewhere.example', role: 'viewer' },
        { email: 'one@elsewhere.example', role: 'viewer' },
        { email: 'two@elsewhere.example', role: 'owner' },
        { email: 'three@elsewhere.example', role: 'editor' },
      ],
    })
    const items = dataOf<{ data?: unknown; error?: { code: string } }[]>(answer)
    expect(items.map(item => item.error?.code ?? 'ok')).toEqual(['ok', 'invitation_pending', 'forbidden', 'ok'])
    expect(dataOf(await people.owner.get(`${url}/invitations?state=pending`))).toHaveLength(2)
    expect((await people.editor.get(`${url}/invitations`)).code).toBe('forbidden')
  })

  test('D3 D4 D125 a batch under one Idempotency-Key is done once, and tells where it came from', async () => {
    const send = (email: string) =>
      people.editor.post(
        `${url}/invitations/batch`,
        { invitations: ['a', 'a', 'b'].map(name => ({ email: `${name}.${email}`, role: 'viewer' })) },
        {
          'idempotency-key': 'batch-1',
          'skerry-client': 'skerry-desktop/1.0',
          'skerry-edited-at': '2020-01-01T00:00:00Z',
        },
      )
    const first = await send('keyed@elsewhere.example')
    const items = dataOf<{ data?: { id: string }; error?: { code: string } }[]>(first)
    expect(items.map(item => item.error?.code ?? 'ok')).toEqual(['ok', 'invitation_pending', 'ok'])
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    const second = await send('keyed@elsewhere.example')
    // all but the links, which are shown once
    expect([second.status, second.text]).toEqual([first.status, first.text.replace(/,"link":"[^"]+"/g, '')])
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect((await send('other@elsewhere.example')).code).toBe('idempotency_mismatch')
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select distinct via from activities where action = 'invitation.create' and entity_id = any($1)`,
      [items.flatMap(item => item.data?.id ?? [])],
    )
    expect(rows).toEqual([{ via: 'desktop' }])
    const odd = await people.editor.post(`${url}/invitations/batch`, { invitations: [] }, { 'skerry-client': 'odd' })
    expect(odd.status).toBe(422)
    const wrong = await people.editor.post(
      `${url}/invitations/batch`,
      { invitations: [{ email: 'c@elsewhere.example', role: 'viewer' }] },
      { 'skerry-client': 'odd' },
    )
    expect(wrong.code).toBe('invalid_header')
  })
})

describe('answering', () => {
  test('D29 accepting makes the member with the role and the named project rows; a second accept is closed', async () => {
    const row = await invitation({ projects: [{ project_id: board.projectId, role: 'admin' }] })
    expect((await people.viewer.post(`/api/invitations/${row.id}/accept`)).code).toBe('not_found')
    const accepted = written(await people.stranger.post(`/api/invitations/${row.id}/accept`))
    expect(accepted.data).toMatchObject({ state: 'accepted' })
    expect(accepted.data.responded_at).not.toBeNull()
    expect(dataOf<Row>(await people.stranger.get(url))).toMatchObject({ my_role: 'editor', members_count: 6 })
    expect(dataOf<Row>(await people.stranger.get(`/api/projects/${board.projectId}`)).my_project_role).toBe('admin')
    expect((await people.stranger.post(`/api/invitations/${row.id}/accept`)).code).toBe('invitation_closed')
  })

  test('a project that is archived meanwhile is skipped', async () => {
    const row = await invitation({ projects: [{ project_id: board.projectId }] })
    written(await people.owner.post(`/api/projects/${board.projectId}/archive`))
    written(await people.stranger.post(`/api/invitations/${row.id}/accept`))
    expect(dataOf<Row>(await people.stranger.get(`/api/projects/${board.projectId}`)).my_project_role).toBeNull()
  })

  test('two accepts at the same moment make one member', async () => {
    const row = await invitation()
    const answers = await Promise.all([1, 2].map(() => people.stranger.post(`/api/invitations/${row.id}/accept`)))
    expect(answers.map(answer => String(answer.status)).toSorted()).toEqual(['200', '409'])
    expect(dataOf<Row>(await people.owner.get(url)).members_count).toBe(6)
  })

  test('D31 when the inviter may no longer give the role: 409, and the invitation is cancelled', async () => {
    const row = await invitation({}, 'editor')
    written(await people.owner.patch(`${url}/members/${people.editor.userId}`, { role: 'viewer' }))
    const answer = await people.stranger.post(`/api/invitations/${row.id}/accept`)
    expect([answer.status, answer.code]).toEqual([409, 'invitation_closed'])
    expect(await stateOf(row.id)).toEqual({ state: 'cancelled' })
    expect((await people.stranger.get(url)).code).toBe('not_found')
  })

  test('who is a member by now: already_member, and the invitation is cancelled', async () => {
    const row = await invitation()
    await queryOnce(
      server.databaseUrl,
      `insert into application_members (id, application_id, user_id, role, display_name) values (gen_random_uuid(), $1, $2, 'viewer', '')`,
      [board.applicationId, people.stranger.userId],
    )
    expect((await people.stranger.post(`/api/invitations/${row.id}/accept`)).code).toBe('already_member')
    expect(await stateOf(row.id)).toEqual({ state: 'cancelled' })
  })

  test('D32 somebody without account registers, presents the token and joins', async () => {
    const row = await invitation({ user_id: undefined, email: 'newcomer@elsewhere.example', role: 'viewer' })
    const registered = await server.anonymous.post('/auth/register', {
      email: 'other-address@example.com',
      password: testPassword,
      invitation_token: tokenOf(row),
    })
    expect(registered.status).toBe(201)
    const session = registered.body as { access_token: string; user: { id: string } }
    expect((await toldTo(people.owner))[0]).toMatchObject({
      type: 'invitation_accepted',
      actor_id: session.user.id,
      actor_name: 'other-address',
    })
    const mine = await server.anonymous.get(url, { authorization: `Bearer ${session.access_token}` })
    expect(dataOf<Row>(mine).my_role).toBe('viewer')
    expect(await stateOf(row.id)).toEqual({ state: 'accepted' })
  })

  test('an address invitation is bound to the account that registers with it', async () => {
    const row = await invitation({ user_id: undefined, email: `bound-${board.projectId}@example.com` })
    const person = await server.signUp(`bound-${board.projectId}`)
    expect(dataOf(await person.get('/api/invitations')).map(one => one.id)).toEqual([row.id])
    expect(dataOf(await person.get('/api/invitations/count'))).toEqual({ count: 1 })
    written(await person.post(`/api/invitations/${row.id}/reject`))
    expect(await stateOf(row.id)).toEqual({ state: 'rejected' })
    expect((await person.post(`/api/invitations/${row.id}/accept`)).code).toBe('invitation_closed')
  })

  test('whoever answers with a token only waits for shapes that tell him', async () => {
    const rows = [
      await invitation({ user_id: undefined, email: 'one@elsewhere.example' }),
      await invitation({ user_id: undefined, email: 'two@elsewhere.example' }),
    ]
    const [rejected, accepted] = rows.map(tokenOf)
    expect(written(await people.stranger.post('/api/invitations/reject', { token: rejected })).txid).toBeNull()
    expect(written(await people.stranger.post('/api/invitations/accept', { token: accepted })).shapes).toEqual([
      'application',
      'application_members',
      'my_memberships',
    ])
  })

  test('D30 older than 14 days is 410, for accept and lookup', async () => {
    const row = await invitation({ user_id: undefined, email: 'slow@elsewhere.example' })
    const token = tokenOf(row)
    const lookup = () => server.anonymous.post('/api/invitations/lookup', { token })
    expect(dataOf(await lookup())).toMatchObject({
      application_name: 'Harbour',
      state: 'pending',
      email: 's…@elsewhere.example',
    })
    server.clock.advance(14 * day + 1000)
    const answers = [await people.stranger.post('/api/invitations/accept', { token }), await lookup()]
    expect(answers.map(answer => [answer.status, answer.code])).toEqual([
      [410, 'invitation_expired'],
      [410, 'invitation_expired'],
    ])
  })
})
