// Whatever happens — writers during the snapshot, kill -9 of the engine at any point, kill -9 of Postgres — each reader's
// rows are the rows of its SELECT, and on the way there it saw nothing twice and missed nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, queryOnce, sharedMajor, startCluster, until } from '#server/testing/postgres.ts'
import { type CrashPoint, crashPoints } from '../testing/crash-points.ts'
import { createEngineProcess, type EngineProcess } from '../testing/engine-process.ts'
import { compareWithSql, followStrictly, type ShapeQuery, type StrictReader } from '../testing/oracle.ts'
import { below, pick, randomFrom, seeds } from '../testing/random.ts'
import { subqueryWorkload } from '../testing/subquery-workload.ts'
import { typedWorkload } from '../testing/typed-workload.ts'
import { plainWorkload, type Workload, writeRandomly } from '../testing/workload.ts'

interface Scene {
  readonly engine: EngineProcess
  readonly random: () => number
  /** Adds readers of random shapes; beyond `limit` in all, the oldest leave. */
  follow(count: number, limit?: number): void
  /** Transactions that the writers have committed. */
  committed(): number
  readers(): readonly { reader: StrictReader; query: ShapeQuery }[]
}

/** WAL that readers may be behind; then the writers wait: how much more there is to make up for would prove nothing. */
const mostBehind = 4n * 1024n * 1024n

/** Watches how far the readers are behind, until `signal`; the answer says whether it is too far. */
const watchLag = (databaseUrl: string, readers: readonly { reader: StrictReader }[], signal: AbortSignal) => {
  let isTooFar = false
  const look = async (db: pg.Client) => {
    const { rows } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
    const written = BigInt(must(rows[0]).lsn)
    isTooFar = readers.some(
      ({ reader: { complete, failure, refused } }) =>
        failure === undefined && !refused && complete > 0n && written - complete > mostBehind,
    )
  }
  const watch = async () => {
    while (!signal.aborted) {
      const db = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 3000, query_timeout: 10_000 })
      db.on('error', () => {})
      try {
        await db.connect()
        for (; !signal.aborted; await pause(50, signal)) await look(db)
        await db.end()
      } catch {
        // Postgres was killed, as the writers have noticed as well
        void db.end().catch(() => {})
        await pause(20, signal)
      }
    }
  }
  return { isTooFar: () => isTooFar, done: watch() }
}

const inScene = async (
  databaseUrl: string,
  seed: number,
  workload: Workload,
  act: (scene: Scene) => Promise<void>,
): Promise<{ readers: readonly { reader: StrictReader; query: ShapeQuery }[] }> => {
  const random = randomFrom(seed)
  const db = new pg.Client({ connectionString: databaseUrl })
  await db.connect()
  await db.query(workload.tables)
  await db.end()
  const engine = createEngineProcess(databaseUrl, { longPollMs: 400, chunkBytes: 20_000 })
  const readers: { reader: StrictReader; query: ShapeQuery }[] = []
  const stopWriting = new AbortController()
  let committed = 0
  const lag = watchLag(databaseUrl, readers, stopWriting.signal)
  const writers = [1, 2, 3].map(n =>
    writeRandomly(databaseUrl, randomFrom(seed + n), {
      workload,
      signal: stopWriting.signal,
      onCommit: () => (committed += 1),
      isHeld: lag.isTooFar,
    }),
  )
  const left: StrictReader[] = []
  const follow = (count: number, limit = Infinity) => {
    while (readers.length + count > limit) {
      const oldest = readers.shift()
      if (oldest === undefined) break
      void oldest.reader.stop()
      left.push(oldest.reader)
    }
    for (let more = count; more > 0; more--) {
      const query = workload.randomShape(random)
      readers.push({ query, reader: followStrictly(() => engine.url, query.params, query.refusable) })
    }
  }
  try {
    await engine.start()
    await act({ engine, random, follow, committed: () => committed, readers: () => readers })
    if (!engine.running()) await engine.start()
    stopWriting.abort()
    await Promise.all(writers)
    for (const { failure } of left) if (failure !== undefined) throw failure
    await Promise.all(readers.map(({ reader, query }) => compareWithSql(databaseUrl, reader, query)))
    return { readers }
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  } finally {
    stopWriting.abort()
    await Promise.all([...writers, lag.done])
    await Promise.all(readers.map(({ reader }) => reader.stop()))
    await engine.destroy()
  }
}

/** SIGKILL of a server process: Postgres throws everybody out and recovers from its WAL, as after a power cut. */
const crashPostgres = async (url: string) => {
  let db = new pg.Client({ connectionString: url })
  // It may still be recovering from the last time.
  await until('Postgres answers', async () => {
    db = new pg.Client({ connectionString: url })
    db.on('error', () => {})
    return db.connect().then(
      () => true,
      () => false,
    )
  })
  let pid: number | undefined
  // Just after a recovery there is none yet; and pid 0 would be everyone here.
  await until('there is a checkpointer', async () => {
    const { rows } = await db.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_type = 'checkpointer'",
    )
    pid = rows[0]?.pid
    return pid !== undefined
  })
  process.kill(must(pid, 'pid of the checkpointer'), 'SIGKILL')
  await until('the connection is cut', () =>
    db.query('select 1').then(
      () => false,
      () => true,
    ),
  )
}

/** Waits until the readers have seen `count` more changes between them. */
const moreChanges = (scene: Scene, count: number) => {
  const seen = () => scene.readers().reduce((sum, { reader }) => sum + reader.changes, 0)
  const target = seen() + count
  return until(
    `${count} more changes`,
    () => {
      const failed = scene.readers().find(({ reader }) => reader.failure !== undefined)
      if (failed?.reader.failure !== undefined) throw failed.reader.failure
      return seen() >= target
    },
    60_000,
  )
}

const workloads = [
  { name: 'plain shapes', workload: plainWorkload },
  { name: 'subqueries', workload: subqueryWorkload },
]

/**
 * What the oldest PostgreSQL differs in is what its slot and its COPY answer, not what the engine does with it: there one
 * seed of each kind is run, and the named points with subqueries alone, which pass every point that plain shapes pass.
 */
const oldest = sharedMajor() !== 18
const seedsHere = (runs: number) => seeds(oldest ? 1 : runs)

/** Those, and clauses over every type: for them a kill is nothing new. */
const everyWorkload = [...workloads, { name: 'every type', workload: typedWorkload }]

describe.each(everyWorkload)('E124 E133 E154 readers equal SQL: $name', ({ workload }) => {
  for (const seed of seedsHere(2))
    test(`E124 shapes that are made while others write (seed ${seed})`, async () => {
      const database = await emptyDatabase()
      try {
        const { readers } = await inScene(database.url, seed, workload, async scene => {
          for (let wave = 1; wave <= 5; wave++) {
            scene.follow(6)
            await moreChanges(scene, 60)
            await until('enough was written meanwhile', () => scene.committed() > 10 * wave)
          }
        })
        // Nothing here gives a reason to start again.
        const reasons = readers.filter(({ reader, query }) => query.endsBySelf !== true && !reader.refused)
        expect(reasons.length).toBeGreaterThan(workload === typedWorkload ? readers.length / 4 : 0)
        expect(reasons.map(({ reader }) => reader.restarts)).toEqual(reasons.map(() => 0))
      } finally {
        await database.drop()
      }
    })
})

describe.each(workloads)('E135 E154 readers equal SQL through every crash: $name', ({ workload }) => {
  for (const seed of seedsHere(2))
    test(`E135 kill -9 of the engine, again and again (seed ${seed})`, { timeout: 240_000 }, async () => {
      const database = await emptyDatabase()
      try {
        await inScene(database.url, seed, workload, async scene => {
          scene.follow(8)
          for (let round = 0; round < 5; round++) {
            await moreChanges(scene, 1 + below(scene.random, 60))
            await scene.engine.kill()
            await scene.engine.start()
            scene.follow(2)
          }
          await moreChanges(scene, 20)
        })
      } finally {
        await database.drop()
      }
    })

  for (const seed of seeds(1))
    test(`E135 kill -9 of Postgres and of the engine (seed ${seed})`, { timeout: 240_000 }, async () => {
      const cluster = await startCluster({ major: sharedMajor(), durable: true })
      try {
        await inScene(cluster.url, seed, workload, async scene => {
          scene.follow(6)
          for (let round = 0; round < 2; round++) {
            await moreChanges(scene, 20)
            await crashPostgres(cluster.url)
            scene.follow(2)
          }
          await moreChanges(scene, 20)
          await scene.engine.kill()
          await scene.engine.start()
          await moreChanges(scene, 20)
        })
      } finally {
        await cluster.stop()
      }
    })
})

test('E154 S-22 transaction ids that wrap: xids of 32 bits in the stream, of 64 in snapshots', {
  timeout: 120_000,
}, async () => {
  const [seed = 1] = seeds(1)
  const wrap = 2n ** 32n
  const cluster = await startCluster({
    major: sharedMajor(),
    settings: { autovacuum: 'off' },
    nextXid: wrap - 4000n,
  })
  const wrapped = async () => {
    const { rows } = await queryOnce(cluster.url, 'select pg_snapshot_xmax(pg_current_snapshot())::text as next')
    return BigInt((rows[0] as { next: string }).next) > wrap
  }
  try {
    await inScene(cluster.url, seed, plainWorkload, async scene => {
      expect(await wrapped()).toBe(false)
      while (!(await wrapped())) {
        scene.follow(2, 12)
        await moreChanges(scene, 20)
      }
      // what is served before it is recorded does not outlive a kill, and its readers would have to start again
      await until('every shape is recorded', () => {
        const catalog = readFileSync(join(scene.engine.folder, 'shapes.jsonl'), 'utf8')
        return scene.readers().every(({ reader: { handle } }) => handle !== undefined && catalog.includes(handle))
      })
      await scene.engine.kill()
      await scene.engine.start()
      scene.follow(4)
      await moreChanges(scene, 60)
      expect(scene.readers().map(({ reader }) => reader.restarts)).toEqual(scene.readers().map(() => 0))
    })
  } finally {
    await cluster.stop()
  }
})

/** What has to be done while the engine is down for a point to be passed at all. */
const prepare: Partial<Record<CrashPoint, (url: string, id: string) => Promise<unknown>>> = {
  'slot.created': (url, id) =>
    // Postgres may not have noticed yet that the engine is gone
    until('the slot is dropped', () =>
      queryOnce(url, 'select pg_drop_replication_slot($1)', [`skerry_slot_${id}`]).then(
        () => true,
        () => false,
      ),
    ),
  'table.published': async (url, id) => {
    const publication = `electric_publication_${id}`
    const { rows } = await queryOnce(url, 'select tablename from pg_publication_tables where pubname = $1', [
      publication,
    ])
    for (const { tablename } of rows as { tablename: string }[])
      await queryOnce(url, `alter publication ${publication} drop table ${tablename}`)
  },
}
/** How far the slot is behind what Postgres has written, for a failure to be understood. */
const slotState = async (url: string): Promise<string> => {
  const { rows } = await queryOnce(
    url,
    'select active, confirmed_flush_lsn, pg_current_wal_lsn() as written from pg_replication_slots where database = current_database()',
  )
  return JSON.stringify(rows)
}

/** Points that a start passes once. */
const atStart = new Set<CrashPoint>(['slot.created', 'table.published', 'catalog.before-rename'])

describe.each(oldest ? workloads.filter(({ workload }) => workload === subqueryWorkload) : workloads)(
  'E135 S-40 killed at a named point, nothing is lost and nothing comes twice: $name',
  ({ workload }) => {
    /** Points that only a retired shape passes. */
    const needsRetire = new Set<CrashPoint>(['shape.before-retire', 'shape.retired'])
    const [seed = 1] = seeds(1)
    const passed = crashPoints.filter(point => workload === subqueryWorkload || !/^(subquery|move)/.test(point))
    const points = process.env['SKERRY_RUNS'] === undefined ? passed : passed.flatMap(point => [point, point, point])
    test(`all points (seed ${seed})`, { timeout: points === passed ? 480_000 : 1_800_000 }, async () => {
      const random = randomFrom(seed)
      const order = [...points].sort(() => random() - 0.5)
      const database = await emptyDatabase()
      try {
        await inScene(database.url, seed, workload, async scene => {
          scene.follow(6)
          await moreChanges(scene, 20)
          for (const point of order) {
            await scene.engine.kill()
            await prepare[point]?.(database.url, scene.engine.replicationId)
            await scene.engine.start(
              `${point}:${atStart.has(point) ? 1 : 1 + below(random, point.startsWith('transaction') ? 40 : 3)}`,
            )
            scene.follow(3, 12)
            // subqueries work out anew what was written since the slot's position, and the writers do not wait for them
            const deadline = Date.now() + 60_000
            while (!(await scene.engine.died(50))) {
              if (Date.now() > deadline) throw new Error(`${point} was never passed: ${await slotState(database.url)}`)
              if (needsRetire.has(point)) {
                const { query } = pick(random, scene.readers())
                const target = `${scene.engine.url}?${new URLSearchParams(query.params)}`
                await fetch(target, { method: 'DELETE' }).catch(() => {})
              } else if (/^(snapshot|catalog|table)/.test(point)) scene.follow(1, 12)
            }
            await scene.engine.start()
            await moreChanges(scene, 10)
          }
        })
      } finally {
        await database.drop()
      }
    })
  },
)
