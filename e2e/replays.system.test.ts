// Offline queues against a server that is killed at any moment: several clients send random transactions, twice and out
// of turn, and the process dies between COMMIT and reply. Each transaction has exactly one effect, replays are equal
// byte for byte, clients and Postgres end equal, counters equal a recount.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { queryOnce } from '#server/testing/postgres-query.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { signUpCrew } from './testing/crew.ts'
import { createLedger, type Sent } from './testing/ledger.ts'
import { type Harbour, openHarbour } from './testing/server-process.ts'

const rounds = runs(4)
const random = seededRandom(seed)
const pick = <T>(list: readonly T[]): T => must(list[Math.floor(random() * list.length)])
const ledger = createLedger()

let harbour: Harbour

interface Person {
  readonly token: string
  readonly queue: Sent[]
}

/** Sends `part` of a queue and notes what is answered; nothing when the server went away. */
const send = async (url: string, person: Person, part: readonly Sent[]): Promise<void> => {
  try {
    const answer = await fetch(`${url}/api/transactions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${person.token}` },
      body: JSON.stringify({ transactions: part }),
    })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${answer.status} ${text}`)
    ledger.noteAnswer(text)
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return
    throw error
  }
}

beforeAll(async () => {
  harbour = await openHarbour('replays')
})
afterAll(() => harbour.close())

test(`D78 D79 killed between COMMIT and reply: exactly once, byte for byte (SKERRY_SEED=${seed})`, async () => {
  let server = await harbour.startServer()
  const crew = await signUpCrew(server.url, ['ann', 'bo', 'cy'], ['PIER'])
  const people = crew.people.map(({ token }): Person => ({ token, queue: [] }))
  const project = must(crew.projects[0])

  const created: string[] = []
  const make = (): Sent => {
    const kind = random()
    if (created.length === 0 || kind < 0.35) {
      const id = uuid7()
      created.push(id)
      return {
        id: uuid7(),
        mutations: [{ name: 'task.create', args: { id, project_id: project.id, title: `T ${id}` } }],
      }
    }
    const id = pick(created)
    if (kind < 0.55) return { id: uuid7(), mutations: [{ name: 'task.update', args: { id, title: `R ${random()}` } }] }
    if (kind < 0.75) {
      return {
        id: uuid7(),
        mutations: [{ name: 'task.move', args: { id, status_id: pick(project.statusIds), position: 'top' } }],
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

  const { answers } = ledger
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
    await Promise.all(sends)
    server = await harbour.startServer()
    for (let turn = 0; people.some(person => unanswered(person).length > 0); turn += 1) {
      if (turn > 20) throw new Error('some transactions are never answered')
      await Promise.all(people.map(person => send(server.url, person, unanswered(person))))
    }
    // all of it once more, old and new: the same answers
    for (const person of people) await send(server.url, person, person.queue.slice(-40))
  }
  expect(kills).toBe(rounds)
  expect(answers.size).toBe(rounds * people.length * 15)

  const one = async (sql: string) => (await queryOnce(harbour.databaseUrl, sql)).rows[0]?.n
  const appliedIds = new Set([...answers.keys()].filter(id => ledger.answer(id)?.status === 'applied'))
  const count = (name: string) =>
    people.flatMap(person => person.queue).filter(one => appliedIds.has(one.id) && one.mutations[0]?.name === name)
      .length
  expect(await one('select count(*)::int as n from tasks')).toBe(count('task.create'))
  expect(await one('select count(*)::int as n from comments')).toBe(count('comment.create'))
  expect(await one(`select count(*)::int as n from tasks where title = 'never'`)).toBe(0)
  expect(await one('select count(*)::int as n from applied_transactions')).toBe(answers.size)
  expect(await one('select count(distinct number)::int as n from tasks')).toBe(count('task.create'))
  expect(appliedIds.size).toBeLessThan(answers.size)
  // each applied transaction that changed something left its activities once
  expect(
    await one(`select count(*)::int as n from (
      select transaction_id, action, entity_id from activities where via = 'transaction'
       and action in ('task.create', 'comment.create') group by 1, 2, 3 having count(*) > 1) twice`),
  ).toBe(0)
  await server.stop()
  const { rows } = await queryOnce(
    harbour.databaseUrl,
    `select a.project_id from project_aggregates a where a.total_tasks <> (
       select count(*) from tasks t where t.project_id = a.project_id and t.deleted_at is null and t.archived_at is null)`,
  )
  expect(rows).toEqual([])
})
