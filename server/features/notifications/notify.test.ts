// How many statements telling people takes, and who is left out before the database is asked.
import { expect, test } from 'vitest'
import type { Compilable } from 'kysely'
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type { SignedIn } from '#server/kernel/actor.ts'
import type { WriteTx } from '#server/kernel/database.ts'
import type { Announcement, Notice } from '#server/kernel/notices.ts'
import { notify } from './notify.ts'

const tx = new Kysely({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: db => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
}) as unknown as WriteTx

const ann: SignedIn = { kind: 'user', userId: 'ann', displayName: 'Ann', sessionPublicId: '', isAdmin: false }
const notice = (of: Partial<Notice> = {}): Notice => ({
  type: 'task_updated',
  to: ['bo'],
  title: 'T',
  entity: { type: 'task', id: 't1' },
  applicationId: 'app',
  ...of,
})

interface SentRow {
  readonly user_id: string
  readonly type: string
  readonly title: string
  readonly message: string | null
  readonly actor_name: string | null
  readonly event: string | null
}

/** The first parameter of each statement that `announcements` lead to: people whose counters are locked, then rows. */
const parametersOf = (...announcements: readonly Announcement[]): unknown[] => {
  const first: unknown[] = []
  notify({ tx, later: (query: Compilable) => void first.push(query.compile().parameters[0]) }, announcements)
  return first
}

/** The rows of each statement that `notices` lead to. */
const sent = (notices: readonly Notice[], actor: SignedIn = ann): SentRow[][] =>
  parametersOf({ notices, actor })
    .slice(1)
    .map(rows => JSON.parse(rows as string) as SentRow[])
const heard = (notices: readonly Notice[], actor?: SignedIn) =>
  sent(notices, actor)
    .flat()
    .map(row => `${row.user_id} ${row.type}`)

test('few statements, whatever the number of notices and people, and what one hears of one event in one of them', () => {
  const people = Array.from({ length: 20 }, (_one, n) => `p${n}`)
  const notices = Array.from({ length: 100 }, (_one, n) => {
    const about = { to: people, entity: { type: 'task', id: `t${n}` } }
    return [notice(about), notice({ ...about, type: 'mention' }), notice({ ...about, type: 'status_change' })]
  }).flat()
  const statements = sent(notices)
  expect(statements.map(rows => rows.length)).toEqual([1002, 1002, 1002, 1002, 1002, 990])
  const events = statements.flatMap(rows => [...new Set(rows.map(row => `${row.user_id}/${row.event}`))])
  expect(events).toHaveLength(2000)
})

test('the counters of everybody come first, those of several commands and actors together', () => {
  const cy: SignedIn = { ...ann, userId: 'cy', displayName: 'Cy' }
  const [people, ...rows] = parametersOf(
    { notices: [notice({ to: ['bo', 'di'] })], actor: ann },
    { notices: [notice({ to: ['ann', 'bo', 'cy'] })], actor: cy },
  )
  expect(people).toEqual(['bo', 'di', 'ann'])
  expect(rows).toHaveLength(2)
})

test('no statement where nobody is left: nobody to tell, the actor alone, an import', () => {
  const nobody = [notice({ to: [null, undefined] }), notice({ to: ['ann'] })]
  expect(parametersOf({ notices: nobody, actor: ann })).toEqual([])
  const importing: SignedIn = { kind: 'import', reason: 'x', userId: 'ann', displayName: 'Ann' }
  expect(parametersOf({ notices: [notice()], actor: importing })).toEqual([])
})

test('a person is listed once for an event and a type', () => {
  const twice = [notice({ to: ['bo', 'bo'] }), notice({ to: ['bo'] }), notice({ type: 'mention' })]
  expect(heard(twice)).toEqual(['bo task_updated', 'bo mention'])
  const other = notice({ entity: { type: 'task', id: 't2' } })
  expect(heard([notice(), other])).toHaveLength(2)
  expect(heard([notice({ event: 'e' }), { ...other, event: 'e' }])).toHaveLength(1)
})

test('others than the command’s actor did it: the last one is named, none is told', () => {
  const by = [
    { id: 'bo', display_name: 'Bo' },
    { id: 'cy', display_name: 'Cy' },
  ]
  const system: SignedIn = { kind: 'system', reason: 'x', userId: undefined, displayName: 'Skerry' }
  const [rows] = sent([notice({ to: ['ann', 'bo', 'cy'], by })], system)
  expect(rows).toMatchObject([{ user_id: 'ann', actor_name: 'Cy' }])
  expect(sent([notice({ by: [] })], system)).toMatchObject([[{ user_id: 'bo', actor_name: null }]])
})

test('texts are cut to what a row holds, between characters', () => {
  const [rows] = sent([notice({ title: '🛟'.repeat(300), message: 'm'.repeat(1001) })])
  expect(rows).toMatchObject([{ title: '🛟'.repeat(255), message: 'm'.repeat(1000) }])
  expect(sent([notice({ message: '' })])).toMatchObject([[{ message: null }]])
})
