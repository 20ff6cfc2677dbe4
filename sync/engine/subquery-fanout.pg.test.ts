// Which shapes with subqueries a change visits: counted, for many shapes that differ in one value.
import type pg from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { emptyDatabase, until } from '#server/testing/postgres.ts'
import { type BedDatabase, makeBed } from '../testing/bed.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { changesOf, type Message, readToEnd } from '../testing/http.ts'

const { engines, insertLsn, open, settle, start } = makeBed(emptyDatabase)
let database: BedDatabase
let db: pg.Client

beforeEach(async () => {
  ;({ database, db } = await open(`
    create table tasks (id int primary key, project int, owner int);
    create table members (project int, person int);
    insert into members select n, n from generate_series(1, 10) n`))
})

const projectsOf = (person: number) => `project IN (SELECT project FROM members WHERE person = ${person})`
const shape = (where: string) => ({ table: 'tasks', where })

type At = Awaited<ReturnType<typeof readToEnd>>

/** Shapes that are up to date, and what statements do to them. */
const watch = async (running: TestEngine, wheres: readonly string[]) => {
  const at = new Map<string, At>()
  const visits = async (...statements: readonly string[]) => {
    const before = running.engine.judgedCount()
    await db.query(`begin; ${statements.join('; ')}; commit`)
    await settle(running)
    return running.engine.judgedCount() - before
  }
  const news = async (where: string): Promise<readonly Message[]> => {
    const lsn = await insertLsn()
    const messages: Message[] = []
    await until('the shape has caught up', async () => {
      await db.query("select pg_logical_emit_message(false, 'test', '')")
      const read = await readToEnd(running.url, shape(where), at.get(where))
      at.set(where, read)
      messages.push(...read.messages)
      return BigInt(String(read.messages.at(-1)?.headers['global_last_seen_lsn'])) + 1n >= lsn
    })
    return messages
  }
  for (const where of wheres) at.set(where, await readToEnd(running.url, shape(where)))
  // A shape whose sets have not been read yet keeps this, and promises nothing beyond it.
  await visits('insert into tasks values (0, -1, 8)', 'delete from tasks where id = 0')
  for (const where of wheres) await news(where)
  return {
    /** How often the transaction was held against the filter of a shape. */
    visits,
    /** What has come to a shape since it was read last. */
    news,
  }
}

const keysOf = (messages: readonly Message[]) => changesOf(messages).map(({ key }) => key?.split('"').at(-2))

const people = Array.from({ length: 10 }, (_, n) => n + 1)

describe('S-59 a change visits the shapes that have its old or its new value', () => {
  test('one of many, whatever the transaction', async () => {
    const running = await start()
    const { visits, news } = await watch(running, people.map(projectsOf))
    expect(await visits('insert into tasks values (1, 3, 1)')).toBe(1)
    expect(await visits('insert into tasks values (2, 77, 1), (3, null, 1)')).toBe(0)
    expect(await visits('update tasks set project = 4 where id = 1')).toBe(2)
    expect(await visits('insert into tasks select 100 + n, 1 + n % 10, 1 from generate_series(1, 100) n')).toBe(100)
    expect(keysOf(await news(projectsOf(3)))).toHaveLength(12)
    expect(keysOf(await news(projectsOf(5)))).toHaveLength(10)
  })

  test('sets that gain and lose values are followed, also within the transaction', async () => {
    const running = await start()
    const { visits, news } = await watch(running, people.map(projectsOf))
    // A shape whose values change looks at everything that the transaction did.
    await visits('insert into tasks values (1, 50, 1), (2, 60, 1)', 'insert into members values (50, 5)')
    expect(keysOf(await news(projectsOf(5)))).toEqual(['1'])
    expect(await visits('update tasks set owner = 2')).toBe(1)
    expect(keysOf(await news(projectsOf(5)))).toEqual(['1'])
    expect(await visits('delete from members where project = 50', 'update tasks set project = 60 where id = 1')).toBe(1)
    expect((await news(projectsOf(5))).map(({ headers }) => headers['event'] ?? headers['operation'])).toContain(
      'move-out',
    )
    expect(await visits('update tasks set owner = 3')).toBe(0)
    expect(await visits('insert into members values (60, 6)')).toBe(0)
    expect(keysOf(await news(projectsOf(6)))).toEqual(['1', '2'])
    expect(await visits('update tasks set owner = 4')).toBe(2)
  })

  test('equalities beside the subquery, several memberships, and clauses without one', async () => {
    const running = await start()
    const own = `${projectsOf(1)} AND owner = 8`
    const both = `${projectsOf(2)} AND owner IN (SELECT project FROM members WHERE person = 3)`
    const either = `${projectsOf(2)} OR owner IN (SELECT project FROM members WHERE person = 4)`
    const { visits, news } = await watch(running, [own, both, either])
    expect(await visits('insert into tasks values (1, 1, 7)')).toBe(0)
    expect(await visits('insert into tasks values (2, 1, 8)')).toBe(1)
    // Of two that both have to hold, one is looked up.
    expect(await visits('insert into tasks values (3, 2, 3)')).toBe(2)
    expect(await visits('insert into tasks values (4, 5, 4)')).toBe(1)
    expect(await visits('insert into tasks values (5, 6, 6)')).toBe(0)
    expect([keysOf(await news(own)), keysOf(await news(both)), keysOf(await news(either))]).toEqual([
      ['2'],
      ['3'],
      ['3', '4'],
    ])
    const others = await watch(running, [`NOT ${projectsOf(1)}`, `${projectsOf(1)} OR owner > 7`])
    expect(await others.visits('insert into tasks values (6, 6, 6)')).toBe(2)
  })

  test('after a restart as before it', async () => {
    const first = await startEngine(database.url, { longPollMs: 500 })
    await watch(first, people.map(projectsOf))
    await first.stop({ keep: true })
    const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
    const { visits, news } = await watch(second, people.map(projectsOf))
    expect(await visits('insert into tasks values (2, 3, 1), (3, 99, 1)')).toBe(1)
    expect(keysOf(await news(projectsOf(3)))).toEqual(['2'])
  })
})

test('S-59 a commit that concerns many shapes lets others have their turn', async () => {
  const atCommits: number[] = []
  const running: TestEngine = await start({
    reach: point => {
      if (point === 'transaction.committed' && engines.length > 0) atCommits.push(engines[0]?.engine.judgedCount() ?? 0)
    },
  })
  await db.query('insert into members values (1, 2), (1, 3)')
  const { visits, news } = await watch(running, [1, 2, 3].map(projectsOf))
  const before = running.engine.judgedCount()
  await visits('insert into tasks select n, 1, 1 from generate_series(1, 5000) n')
  await visits('insert into tasks values (6000, 77, 1)')
  for (const person of [1, 2, 3]) expect(keysOf(await news(projectsOf(person)))).toHaveLength(5000)
  // One shape with the commit, the others after it, and the stream went on when all were done.
  const [first, next] = atCommits.filter(count => count > before)
  expect([first, next]).toEqual([before + 5000, before + 15_000])
  expect(running.engine.judgedCount()).toBe(before + 15_000)
})

test('S-59 what a shape has to make up for after a restart is worked out in turns', async () => {
  const first = await startEngine(database.url, { longPollMs: 500 })
  await db.query('insert into tasks select n, n % 20, 0 from generate_series(1, 100) n')
  const at = await readToEnd(first.url, shape(projectsOf(3)))
  await first.stop({ keep: true })
  const commits = 4000
  await db.query(`do $$ begin
    for n in 1..${commits} loop update tasks set owner = n where id = 3; commit; end loop;
  end $$`)
  const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
  let most = 0
  let seen = 0
  let watching = true
  const look = () => {
    most = Math.max(most, second.engine.judgedCount() - seen)
    seen = second.engine.judgedCount()
    if (watching) setImmediate(look)
  }
  look()
  let changes = 0
  let from: Parameters<typeof readToEnd>[2] = at
  await until('all of it has come', async () => {
    const read = await readToEnd(second.url, shape(projectsOf(3)), from)
    from = read
    changes += changesOf(read.messages).length
    return changes >= commits
  })
  watching = false
  expect([changes, second.engine.judgedCount()]).toEqual([commits, commits])
  expect(most).toBeLessThan(commits / 2)
})
