// What the engine has to do behind writers: a reconnect after many changes, a burst, changes that nobody watches.
import { join } from 'node:path'
import pg from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import type { BenchContext } from './main.ts'
import { boardId, createDataset } from './data.ts'
import { cpuSeconds, memoryKib, type Served, serveEngine, serveFloor } from './processes.ts'
import { type Position, readToEnd, shapeOf } from './shape-requests.ts'
import { type Figure, median } from './table.ts'

const burst = 11_000
const reconnects = 10

// One commit per change; every eleventh is on board 0, the others on a board that nobody reads.
const procedure = `create procedure commits(n int) language plpgsql as $$
  declare one uuid[] := array(select id from tasks where project_id = '${boardId(0)}');
          other uuid[] := array(select id from tasks where project_id = '${boardId(499)}');
  begin
    for i in 1..n loop
      update tasks set points = points + 1, title = 'change ' || i
        where id = case when i % 11 = 0 then one[1 + i % 200] else other[1 + i % 200] end;
      commit;
    end loop;
  end $$`

/** Until a row that was written last is in the answer: how far the server is behind. */
const lag = async (shape: string, from: Position, client: pg.Client): Promise<number> => {
  const begin = performance.now()
  const before = from.offset
  await client.query(
    `update tasks set points = points + 1 where id = (select id from tasks where project_id = '${boardId(1)}' limit 1)`,
  )
  for (;;) {
    const { offset } = await readToEnd(shape, from)
    if (offset !== before) return performance.now() - begin
    await pause(1)
  }
}

const cpuOfForeign = async ({ url, pid }: Served, client: pg.Client): Promise<number> => {
  const before = cpuSeconds(pid)
  await client.query(
    `update tasks set points = points + 1 where project_id <> '${boardId(0)}' and project_id <> '${boardId(1)}'`,
  )
  const mark = await readToEnd(`${url}${shapeOf(boardId(1))}`)
  await lag(`${url}${shapeOf(boardId(1))}`, mark, client)
  return ((cpuSeconds(pid) - before) * 1000) / 99_600
}

/** See the header. */
export const benchCatchUp = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_catch_up')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(procedure)
  const engine = await serveEngine(url, join(context.folder, 'engine-catch-up'))
  const floor = await serveFloor(url)
  const rounds: Record<
    'ms' | 'floorMs' | 'lag' | 'floorLag' | 'foreign' | 'floorForeign' | 'plain' | 'coded',
    number
  >[] = []
  let peak = 0
  try {
    for (let round = 0; round < context.rounds; round += 1) {
      const [board, watch] = [shapeOf(boardId(0)), shapeOf(boardId(1))]
      const [ours, theirs] = [await readToEnd(engine.url + board), await readToEnd(floor.url + board)]
      const marks = [await readToEnd(engine.url + watch), await readToEnd(floor.url + watch)] as const
      await client.query(`call commits(${burst})`)
      const behind = await lag(engine.url + watch, marks[0], client)
      // the floor has had as long to catch up as that took, and then a burst of its own
      const again = await readToEnd(floor.url + watch)
      await client.query(`call commits(${burst})`)
      const floorBehind = await lag(floor.url + watch, again, client)
      const plain = await readToEnd(engine.url + board, ours)
      const coded = await readToEnd(engine.url + board, ours, 'br')
      const reads = { ours: [] as number[], floor: [] as number[] }
      for (let n = 0; n < reconnects; n += 1) {
        reads.ours.push((await readToEnd(engine.url + board, ours)).ms)
        reads.floor.push((await readToEnd(floor.url + board, theirs)).ms)
      }
      rounds.push({
        ms: median(reads.ours),
        floorMs: median(reads.floor),
        lag: behind,
        floorLag: floorBehind,
        plain: plain.bytes,
        coded: coded.bytes,
        foreign: await cpuOfForeign(engine, client),
        floorForeign: await cpuOfForeign(floor, client),
      })
      peak = Math.max(peak, memoryKib(engine.pid))
      context.say(
        `  round ${round + 1}: lag ${behind.toFixed(0)} ms, CPU per foreign change ${rounds[round]?.foreign.toFixed(4)} ms`,
      )
    }
  } finally {
    await client.end()
    await floor.stop()
    await engine.stop()
  }
  const of = (key: keyof (typeof rounds)[number]) => median(rounds.map(round => round[key]))
  const floorOf = (key: keyof (typeof rounds)[number]) => ({ name: 'floor', value: of(key) })
  return [
    {
      figure: 'reconnect after 2,000 changes on the board',
      unit: 'ms',
      ours: of('ms'),
      limit: floorOf('floorMs'),
      // half of Electric's time is less than the floor's
      target: { max: 1.2 },
    },
    {
      figure: '  bytes on the wire, compressed',
      unit: 'KB',
      ours: of('coded') / 1e3,
      limit: { name: 'plain', value: of('plain') / 1e3 },
      target: { max: 0.25 },
    },
    { figure: 'lag behind a burst of 11,000 commits', unit: 'ms', ours: of('lag'), limit: floorOf('floorLag') },
    {
      figure: 'CPU per change that nobody watches',
      unit: 'ms',
      ours: of('foreign'),
      limit: floorOf('floorForeign'),
      target: { max: 3 },
    },
    { figure: 'memory after these bursts', unit: 'MiB', ours: peak / 1024, limit: undefined },
  ]
}
