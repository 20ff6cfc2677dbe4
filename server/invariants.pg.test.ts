// D68: whatever many people do at once, every counter equals a recount; and what else must hold after any history.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyCounters } from '#server/kernel/counters.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { type Board, makeBoard, type Mutation, type People, signUpPeople, transact } from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { runs, seed } from '#server/testing/random.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'

let server: TestServer
let people: People

beforeAll(async () => {
  server = await startTestServer()
  people = await signUpPeople(server)
})
afterAll(() => server.close())

/** What a step picks from: ids of what was made before, by index. */
interface World extends Board {
  readonly tasks: string[]
  readonly lists: string[]
  readonly items: string[]
  readonly comments: string[]
}

type Step = readonly [kind: number, first: number, second: number]
const pick = (list: readonly string[], n: number): string => list[n % list.length] ?? uuid7()

const kinds: ((world: World, a: number, b: number) => Mutation)[] = [
  (world, a, b) => {
    const id = uuid7()
    world.tasks.push(id)
    const parent = a % 3 === 0 && world.tasks.length > 1 ? { parent_id: pick(world.tasks.slice(0, -1), b) } : {}
    const status_id = pick(Object.values(world.statuses), b)
    return { name: 'task.create', args: { id, project_id: world.projectId, title: `T${a}`, status_id, ...parent } }
  },
  (world, a, b) => ({
    name: 'task.move',
    args: {
      id: pick(world.tasks, a),
      status_id: pick(Object.values(world.statuses), b),
      after_id: pick(world.tasks, b),
    },
  }),
  (world, a, b) => ({ name: 'task.update', args: { id: pick(world.tasks, a), parent_id: pick(world.tasks, b) } }),
  (world, a) => ({ name: 'task.update', args: { id: pick(world.tasks, a), parent_id: null, title: `N${a}` } }),
  (world, a) => ({ name: 'task.archive', args: { id: pick(world.tasks, a) } }),
  (world, a) => ({ name: 'task.unarchive', args: { id: pick(world.tasks, a) } }),
  (world, a) => ({ name: 'task.delete', args: { id: pick(world.tasks, a) } }),
  (world, a) => ({ name: 'task.restore', args: { id: pick(world.tasks, a) } }),
  (world, a, b) => ({ name: b % 4 === 0 ? 'task.purge' : 'task.restore', args: { id: pick(world.tasks, a) } }),
  (world, a) => {
    const id = uuid7()
    world.lists.push(id)
    return { name: 'checklist.create', args: { id, task_id: pick(world.tasks, a), title: 'L' } }
  },
  (world, a, b) => {
    const id = uuid7()
    world.items.push(id)
    return {
      name: 'checklist_item.create',
      args: { id, checklist_id: pick(world.lists, a), content: 'I', is_done: b % 2 === 0 },
    }
  },
  (world, a, b) => ({ name: 'checklist_item.set_done', args: { id: pick(world.items, a), is_done: b % 2 === 0 } }),
  (world, a, b) => ({
    name: 'checklist_item.move',
    args: { id: pick(world.items, a), checklist_id: pick(world.lists, b) },
  }),
  (world, a) => ({ name: 'checklist_item.delete', args: { id: pick(world.items, a) } }),
  (world, a, b) => ({
    name: b % 3 === 0 ? 'checklist.delete' : 'checklist.update',
    args: { id: pick(world.lists, a), ...(b % 3 === 0 ? {} : { title: `L${b}` }) },
  }),
  (world, a) => {
    const id = uuid7()
    world.comments.push(id)
    return { name: 'comment.create', args: { id, task_id: pick(world.tasks, a), body_markdown: 'C' } }
  },
  (world, a) => ({ name: 'comment.delete', args: { id: pick(world.comments, a) } }),
  (world, _a, b) => ({ name: b % 2 === 0 ? 'project.archive' : 'project.unarchive', args: { id: world.projectId } }),
  (world, _a, b) => ({
    name: 'member.set_role',
    args: {
      application_id: world.applicationId,
      user_id: people.viewer.userId,
      role: b % 2 === 0 ? 'editor' : 'viewer',
    },
  }),
]

const steps = fc.array(fc.tuple(fc.nat(kinds.length - 1), fc.nat(50), fc.nat(50)), { minLength: 20, maxLength: 60 })

const invariants = `
  select 'a task below a trashed parent is in the trash itself' as broken, t.id from tasks t join tasks p on p.id = t.parent_id
   where p.deleted_at is not null and t.deleted_at is null and t.application_id = $1
  union all select 'done and completed_at go together', t.id from tasks t join task_statuses s on s.id = t.status_id
   where (s.category = 'done') <> (t.completed_at is not null) and t.application_id = $1
  union all select 'two visible cards of a column have different ranks', min(t.id::text)::uuid from tasks t
   where t.deleted_at is null and t.archived_at is null and t.application_id = $1 group by t.status_id, t.rank having count(*) > 1
  union all select 'ranks are short', t.id from tasks t where length(t.rank) > 100 and t.application_id = $1
  union all select 'a subtask has a parent', t.id from tasks t where t.task_type = 'subtask' and t.parent_id is null and t.application_id = $1
  union all select 'derived status follows the counters', p.id from projects p join project_aggregates g on g.project_id = p.id
   where p.derived_status <> skerry_derived_status(g) and p.application_id = $1`

test(`D68 random concurrent commands leave every counter right (SKERRY_SEED=${seed})`, async () => {
  const kindsRun = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(steps, steps, steps, async (...lanes) => {
      const board = await makeBoard(server, people)
      const world: World = { ...board, tasks: [], lists: [], items: [], comments: [] }
      const walk = async (list: readonly Step[], by: keyof People) => {
        for (const [kind, a, b] of list) {
          const mutation = must(kinds[kind])(world, a, b)
          const result = await transact(people[by], [mutation])
          // refusals are part of life; breakdowns are not
          if (result.status === 'failed') throw new Error(`${mutation.name}: ${JSON.stringify(result.error)}`)
          if (result.error?.code === 'internal') throw new Error(`${mutation.name} broke`)
          if (result.status === 'applied') kindsRun.set(mutation.name, (kindsRun.get(mutation.name) ?? 0) + 1)
        }
      }
      await Promise.all([walk(lanes[0], 'owner'), walk(lanes[1], 'admin'), walk(lanes[2], 'member')])
      const { differing, checked } = await verifyCounters(server.database, false)
      expect(differing).toEqual([])
      expect(checked).toBeGreaterThan(10)
      expect((await queryOnce(server.databaseUrl, invariants, [board.applicationId])).rows).toEqual([])
    }),
    { numRuns: runs(3), seed },
  )
  // a generator whose commands are all refused would prove nothing
  for (const name of [
    'task.create',
    'task.move',
    'task.delete',
    'task.restore',
    'task.archive',
    'checklist_item.create',
    'comment.create',
  ]) {
    expect([name, (kindsRun.get(name) ?? 0) > 0]).toEqual([name, true])
  }
})
