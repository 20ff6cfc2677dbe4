// First sync of 100,000 rows, beside COPY of the same table, and of one board, beside the floor; cold and warm.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { BenchContext } from './main.ts'
import { boardId, createDataset } from './data.ts'
import { cpuSeconds, serveEngine, serveFloor } from './processes.ts'
import { readToEnd, shapeOf } from './shape-requests.ts'
import { type Figure, median } from './table.ts'

const boardsPerRound = 20

const copyOut = async (url: string): Promise<number> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const begin = performance.now()
  const stream = client.query(copyTo('copy tasks to stdout'))
  for await (const _ of stream) void _
  const ms = performance.now() - begin
  await client.end()
  return ms
}

const names = ['cold', 'warm', 'warmCpu', 'brotli', 'copy', 'boardCold', 'boardWarm', 'floorCold', 'floorWarm'] as const

/** See the header. */
export const benchFirstSync = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_sync')
  const all = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<(typeof names)[number], number[]>
  let [plainBytes, codedBytes] = [0, 0]
  for (let round = 0; round < context.rounds; round += 1) {
    const storage = join(context.folder, `engine-${round}`)
    const engine = await serveEngine(url, storage)
    const floor = await serveFloor(url)
    const tasks = `${engine.url}${shapeOf()}`
    try {
      all.copy.push(await copyOut(url))
      const cold = await readToEnd(tasks)
      all.cold.push(cold.ms)
      plainBytes = cold.bytes
      const before = cpuSeconds(engine.pid)
      all.warm.push((await readToEnd(tasks)).ms)
      all.warmCpu.push(cpuSeconds(engine.pid) - before)
      codedBytes = (await readToEnd(tasks, undefined, 'br')).bytes
      all.brotli.push((await readToEnd(tasks, undefined, 'br')).ms)
      // both have made their plans and connections before anything is measured
      for (const { url: base } of [engine, floor])
        for (let n = 0; n < 10; n += 1) await readToEnd(`${base}${shapeOf(boardId(400 + n))}`)
      for (let n = 0; n < boardsPerRound; n += 1) {
        const board = shapeOf(boardId(round * boardsPerRound + n))
        all.boardCold.push((await readToEnd(engine.url + board)).ms)
        all.floorCold.push((await readToEnd(floor.url + board)).ms)
        all.boardWarm.push((await readToEnd(engine.url + board)).ms)
        all.floorWarm.push((await readToEnd(floor.url + board)).ms)
      }
    } finally {
      await floor.stop()
      await engine.stop()
      rmSync(storage, { recursive: true, force: true })
    }
    context.say(`  round ${round + 1}: cold ${all.cold[round]?.toFixed(0)} ms, warm ${all.warm[round]?.toFixed(0)} ms`)
  }
  const of = (name: (typeof names)[number]) => median(all[name])
  const copy = { name: 'COPY to stdout', value: of('copy') }
  const floor = (name: 'floorCold' | 'floorWarm') => ({ name: 'floor', value: of(name) })
  return [
    { figure: 'first sync, 100k rows, cold', unit: 'ms', ours: of('cold'), limit: copy, target: { max: 2 } },
    { figure: 'first sync, 100k rows, warm', unit: 'ms', ours: of('warm'), limit: copy },
    { figure: '  the same, compressed (br)', unit: 'ms', ours: of('brotli'), limit: copy },
    { figure: '  server CPU of the warm sync', unit: 's', ours: of('warmCpu'), limit: undefined },
    {
      figure: '  bytes on the wire, compressed',
      unit: 'MB',
      ours: codedBytes / 1e6,
      limit: { name: 'plain', value: plainBytes / 1e6 },
      target: { max: 0.1 },
    },
    {
      figure: 'first sync, board of 200, cold',
      unit: 'ms',
      ours: of('boardCold'),
      limit: floor('floorCold'),
      target: { max: 1.2 },
    },
    {
      figure: 'first sync, board of 200, warm',
      unit: 'ms',
      ours: of('boardWarm'),
      limit: floor('floorWarm'),
      target: { max: 1.2 },
    },
  ]
}
