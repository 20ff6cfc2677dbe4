// First sync of 100,000 rows, beside COPY of the same table, and of one board, beside the floor; cold and warm.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { pause } from '#server/kernel/lifecycle.ts'
import type { BenchContext } from './main.ts'
import { boardId, createDataset } from './data.ts'
import { cpuSeconds, serveEngine, serveFloor } from './processes.ts'
import { readToEnd, shapeOf } from './shape-requests.ts'
import { type Figure, median } from './table.ts'

const boardsPerRound = 20
const warmUps = 300

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

const names = [
  'copy',
  'cold',
  'warm',
  'warmCpu',
  'brotli',
  'floorCold',
  'floorWarm',
  'boardCold',
  'boardWarm',
  'boardFloorCold',
  'boardFloorWarm',
] as const

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
      all.floorCold.push((await readToEnd(floor.url + shapeOf())).ms)
      const before = cpuSeconds(engine.pid)
      all.warm.push((await readToEnd(tasks)).ms)
      all.warmCpu.push(cpuSeconds(engine.pid) - before)
      all.floorWarm.push((await readToEnd(floor.url + shapeOf())).ms)
      codedBytes = (await readToEnd(tasks, undefined, 'br')).bytes
      all.brotli.push((await readToEnd(tasks, undefined, 'br')).ms)
      // both have made their plans and connections, and their code is compiled, before anything is measured
      for (const { url: base } of [engine, floor])
        for (let n = 0; n < warmUps; n += 1) await readToEnd(`${base}${shapeOf(boardId(400 + (n % 50)))}`)
      // what a shape still has to make durable is not a part of the next one's first sync, nor of a warm one
      const settle = (key: 'Cold' | 'Warm') => (key === 'Cold' ? pause(20) : undefined)
      for (const key of ['Cold', 'Warm'] as const)
        for (let n = 0; n < boardsPerRound; n += 1) {
          const board = shapeOf(boardId(round * boardsPerRound + n))
          all[`board${key}`].push((await readToEnd(engine.url + board)).ms)
          await settle(key)
          all[`boardFloor${key}`].push((await readToEnd(floor.url + board)).ms)
          await settle(key)
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
  const floor = (name: (typeof names)[number]) => ({ name: 'floor', value: of(name) })
  // where the floor itself is beyond a target, 1.2 times the floor is the one to meet
  const floorMisses = of('floorCold') > 2 * of('copy')
  return [
    {
      figure: 'first sync, 100k rows, cold',
      unit: 'ms',
      ours: of('cold'),
      limit: copy,
      ...(floorMisses ? {} : { target: { max: 2 } }),
    },
    {
      figure: '  the same, beside the floor',
      unit: 'ms',
      ours: of('cold'),
      limit: floor('floorCold'),
      ...(floorMisses ? { target: { max: 1.2 } } : {}),
    },
    { figure: 'first sync, 100k rows, warm', unit: 'ms', ours: of('warm'), limit: floor('floorWarm') },
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
      limit: floor('boardFloorCold'),
      target: { max: 1.2 },
    },
    {
      figure: 'first sync, board of 200, warm',
      unit: 'ms',
      ours: of('boardWarm'),
      limit: floor('boardFloorWarm'),
      target: { max: 1.2 },
    },
  ]
}
