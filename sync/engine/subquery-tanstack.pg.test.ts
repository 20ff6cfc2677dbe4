// TanStack's collection, unchanged, over shapes with subqueries: its rows are those of the SELECT, whatever moves.
import { createCollection } from '@tanstack/db'
import { electricCollectionOptions } from '@tanstack/electric-db-collection'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { below, pick, randomFrom, seeds } from '../testing/random.ts'

let database: TestDatabase
let db: pg.Client
let engine: TestEngine

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query(`
    create table tasks (id int primary key, project int, owner int not null, title text);
    create table members (project int, person int);
    insert into tasks select n, n % 6, n % 4, 'title ' || n from generate_series(1, 30) n;
    insert into members values (1, 7), (2, 7), (2, 7)`)
  engine = await startEngine(database.url, { longPollMs: 500 })
})

afterEach(async () => {
  await engine.stop()
  await db.end()
  await database.drop()
})

interface Task extends Record<string, unknown> {
  readonly id: number
  readonly project: number | null
  readonly owner: number
  readonly title: string | null
}

const collectionOf = (where: string, syncMode: 'eager' | 'on-demand') =>
  createCollection(
    electricCollectionOptions<Task>({
      id: `${syncMode} ${where}`,
      getKey: task => task.id,
      syncMode,
      shapeOptions: { url: engine.url, params: { table: 'tasks', where } },
    }),
  )

const byId = (a: Task, b: Task) => a.id - b.id

const clauses = [
  'project IN (SELECT project FROM members WHERE person = 7)',
  'project IN (SELECT project FROM members WHERE person = 7) AND owner IN (SELECT person FROM members)',
  'owner NOT IN (SELECT person FROM members WHERE project = 1) OR project IN (SELECT project FROM members WHERE person = 7)',
]

const statement = (random: () => number) =>
  pick(random, [
    `insert into members values (${below(random, 6)}, ${pick(random, [7, 1, 2, 3])})`,
    `delete from members where project = ${below(random, 6)}`,
    `delete from members where person = ${pick(random, [7, 1, 2, 3])}`,
    `update tasks set project = ${below(random, 6)} where id % 5 = ${below(random, 5)}`,
    `update tasks set owner = ${below(random, 4)}, title = 'x' where id = ${1 + below(random, 30)}`,
    `delete from tasks where id = ${1 + below(random, 30)}`,
    `insert into tasks values (${1 + below(random, 30)}, ${below(random, 6)}, ${below(random, 4)}, 'new') on conflict do nothing`,
  ])

describe('E150 electric-db-collection', () => {
  for (const syncMode of ['eager', 'on-demand'] as const)
    for (const seed of seeds(1))
      test(`${syncMode}: rows equal SQL (seed ${seed})`, async () => {
        const random = randomFrom(seed)
        const collections = clauses.map(where => ({ where, collection: collectionOf(where, syncMode) }))
        try {
          await Promise.all(
            collections.map(async ({ collection }) => {
              collection.startSyncImmediate()
              await collection.stateWhenReady()
              if (syncMode === 'on-demand') await collection._sync.loadSubset({})
            }),
          )
          for (let round = 0; round < 15; round++) {
            await db.query('begin')
            for (let count = 1 + below(random, 4); count > 0; count--) await db.query(statement(random))
            await db.query('commit')
            if (round % 5 !== 4) continue
            for (const { where, collection } of collections) {
              const { rows } = await db.query<Task>(`select * from tasks where ${where} order by id`)
              await until(`${syncMode}, ${where}`, () => {
                const mine = collection.toArray
                  .map(({ id, project, owner, title }) => ({ id, project, owner, title }))
                  .sort(byId)
                return JSON.stringify(mine) === JSON.stringify(rows)
              })
            }
          }
          expect(collections.map(({ collection }) => collection.status)).toEqual(clauses.map(() => 'ready'))
        } finally {
          await Promise.all(collections.map(({ collection }) => collection.cleanup()))
        }
      })
})
