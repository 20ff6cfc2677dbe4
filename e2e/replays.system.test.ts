// Offline queues against a server that is killed at any moment: several clients send random transactions, twice and out
// of turn, and the process dies between COMMIT and reply. Each transaction has exactly one effect, replays are equal
// byte for byte, clients and Postgres end equal, counters equal a recount.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EmbeddedPostgres } from '#server/embedded/postgres.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { queryOnce } from '#server/testing/postgres-query.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { createApi } from '#sync/client/api.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const rounds = runs(4)
const random = seededRandom(seed)
const pick = <T>(list: readonly T[]): T => must(list[Math.floor(random() * list.length)])

let folder = ''
let postgres: EmbeddedPostgres

interface Running {
  readonly url: string
  kill(): Promise<void>
  stop(): Promise<void>
}

const start = async (): Promise<Running> => {
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    DATA_DIR: join(folder, 'data'),
    PORT: '0',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'error',
  }
  const child = spawn(process.execPath, ['server/cli.ts', 'start'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>(done => child.once('exit', () => done()))
  let out = ''
  child.stdout.on('data', piece => (out += String(piece)))
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    const url = /(http:\S+)\/ready/.exec(out)?.[1]
    const end = (signal: NodeJS.Signals) => {
      child.kill(signal)
      return ended
    }
    if (url) return { url, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
    await pause(10)
  }
  throw new Error(`the server did not start: ${out}`)
}

interface Person {
  readonly token: string
  readonly queue: {
    readonly id: string
    readonly mutations: readonly { name: string; args: Record<string, unknown> }[]
  }[]
}

/** Sends `part` of a queue; the raw results by id, or undefined when the server went away. */
const send = async (url: string, person: Person, part: Person['queue']): Promise<Map<string, string> | undefined> => {
  try {
    const answer = await fetch(`${url}/api/transactions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${person.token}` },
      body: JSON.stringify({ transactions: part }),
    })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${answer.status} ${text}`)
    const { data } = JSON.parse(text) as { data: { results: { id: string; status: string; replayed?: boolean }[] } }
    return new Map(
      data.results
        .filter(result => result.status === 'applied' || result.status === 'rejected')
        .map(({ replayed: _replayed, ...result }) => [result.id, JSON.stringify(result)]),
    )
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined
    throw error
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-replays-'))
  postgres = new EmbeddedPostgres({ folder: join(folder, 'postgres'), log: silentLog, durable: false })
  await postgres.start()
})
afterAll(async () => {
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
})

test(`D78 D79 killed between COMMIT and reply: exactly once, byte for byte (SKERRY_SEED=${seed})`, async () => {
  let server = await start()
  const owner = createApi({ url: server.url })
  const people: Person[] = []
  for (const name of ['ann', 'bo', 'cy']) {
    const api = name === 'ann' ? owner : createApi({ url: server.url })
    const { access_token: token } = await api.register({ email: `${name}@example.com`, password: 'granite-and-tide-9' })
    people.push({ token, queue: [] })
  }
  const application = await owner.post<{ data: { id: string } }>('/api/applications', { name: 'Harbour' })
  const applicationId = application.data.id
  const project = await owner.post<{ data: { id: string; statuses: { id: string }[] } }>(
    `/api/applications/${applicationId}/projects`,
    { name: 'Pier', key: 'PIER' },
  )
  for (const person of people.slice(1)) {
    const api = createApi({ url: server.url, token: person.token })
    const me = await api.me()
    const invitation = await owner.post<{ data: { id: string } }>(`/api/applications/${applicationId}/invitations`, {
      user_id: me.id,
      role: 'editor',
      projects: [{ project_id: project.data.id, role: 'member' }],
    })
    await api.post(`/api/invitations/${invitation.data.id}/accept`)
  }

  const created: string[] = []
  const make = (): Person['queue'][number] => {
    const kind = random()
    if (created.length === 0 || kind < 0.35) {
      const id = uuid7()
      created.push(id)
      return {
        id: uuid7(),
        mutations: [{ name: 'task.create', args: { id, project_id: project.data.id, title: `T ${id}` } }],
      }
    }
    const id = pick(created)
    if (kind < 0.55) return { id: uuid7(), mutations: [{ name: 'task.update', args: { id, title: `R ${random()}` } }] }
    if (kind < 0.75) {
      return {
        id: uuid7(),
        mutations: [{ name: 'task.move', args: { id, status_id: pick(project.data.statuses).id, position: 'top' } }],
      }
    }
    if (kind < 0.9)
      return {
        id: uuid7(),
        mutations: [{ name: 'comment.create', args: { task_id: id, body_markdown: `C ${random()}` } }],
      }
    // a second mutation that fails takes the first one back
    const title = { name: 'task.update', args: { id, title: 'never' } }
    return { id: uuid7(), mutations: [title, { name: 'task.update', args: { id: uuid7(), title: 'nobody' } }] }
  }

  const answers = new Map<string, string>()
  const note = (results: Map<string, string> | undefined) => {
    for (const [id, text] of results ?? []) {
      // whatever is answered for an id is what was answered before
      expect(answers.get(id) ?? text).toBe(text)
      answers.set(id, text)
    }
  }
  let kills = 0
  for (let round = 0; round < rounds; round += 1) {
    for (const person of people) for (let n = 0; n < 15; n += 1) person.queue.push(make())
    const unanswered = (person: Person) => person.queue.filter(one => !answers.has(one.id))
    // everybody sends at once, one part twice; the server dies somewhere in between
    const sends = people.flatMap(person => [
      send(server.url, person, unanswered(person)),
      send(server.url, person, unanswered(person).slice(0, 5)),
    ])
    await pause(random() * 120)
    await server.kill()
    kills += 1
    for (const results of await Promise.all(sends)) note(results)
    server = await start()
    for (let turn = 0; people.some(person => unanswered(person).length > 0); turn += 1) {
      if (turn > 20) throw new Error('some transactions are never answered')
      for (const results of await Promise.all(people.map(person => send(server.url, person, unanswered(person)))))
        note(results)
    }
    // all of it once more, old and new: the same answers
    for (const person of people) note(await send(server.url, person, person.queue.slice(-40)))
  }
  expect(kills).toBe(rounds)
  expect(answers.size).toBe(rounds * people.length * 15)

  const client = new pg.Client({ connectionString: postgres.url })
  client.on('error', () => undefined)
  await client.connect()
  const one = async (sql: string) => (await client.query<{ n: number }>(sql)).rows[0]?.n
  const applied = [...answers.values()].map(
    text => JSON.parse(text) as { status: string; results?: { data: { id: string } }[] },
  )
  const appliedIds = new Set([...answers].filter(([, text]) => text.includes('"applied"')).map(([id]) => id))
  const count = (name: string) =>
    people.flatMap(person => person.queue).filter(one => appliedIds.has(one.id) && one.mutations[0]?.name === name)
      .length
  expect(await one('select count(*)::int as n from tasks')).toBe(count('task.create'))
  expect(await one('select count(*)::int as n from comments')).toBe(count('comment.create'))
  expect(await one(`select count(*)::int as n from tasks where title = 'never'`)).toBe(0)
  expect(await one('select count(*)::int as n from applied_transactions')).toBe(answers.size)
  expect(await one('select count(distinct number)::int as n from tasks')).toBe(count('task.create'))
  expect(applied.some(result => result.status === 'rejected')).toBe(true)
  // each applied transaction that changed something left its activities once
  expect(
    await one(`select count(*)::int as n from (
      select transaction_id, action, entity_id from activities where via = 'transaction'
       and action in ('task.create', 'comment.create') group by 1, 2, 3 having count(*) > 1) twice`),
  ).toBe(0)
  await client.end()
  await server.stop()
  const { rows } = await queryOnce(
    postgres.url,
    `select a.project_id from project_aggregates a where a.total_tasks <> (
       select count(*) from tasks t where t.project_id = a.project_id and t.deleted_at is null and t.archived_at is null)`,
  )
  expect(rows).toEqual([])
})
