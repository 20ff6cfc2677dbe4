// What many shapes on one table cost: making them, and a commit that matches one of them, with one shape and with many.
import { join } from 'node:path'
import pg from 'pg'
import type { BenchContext } from './main.ts'
import { boardId, createDataset, taskId } from './data.ts'
import { cpuSeconds, type Served, serveEngine } from './processes.ts'
import { readToEnd, shapeOf } from './shape-requests.ts'
import { type Figure, median } from './table.ts'

/** Shapes at the end; SHAPES=50000 for the whole figure, which takes minutes to make. */
const most = Number(process.env.SHAPES ?? 5000)
const commits = 2000

/** CPU milliseconds of the server per commit on board 0, whose shape somebody reads to the end. */
const cpuPerCommit = async ({ url, pid }: Served, client: pg.Client): Promise<number> => {
  const board = url + shapeOf(boardId(0))
  const from = await readToEnd(board)
  const before = cpuSeconds(pid)
  for (let n = 0; n < commits; n += 1)
    await client.query('update tasks set points = $1 where id = $2', [n + 1000, taskId((n % 200) * 500)])
  let position = from
  for (const begin = performance.now(); performance.now() - begin < 300; ) position = await readToEnd(board, position)
  return ((cpuSeconds(pid) - before) * 1000) / commits
}

const makeShapes = async (url: string, from: number, to: number): Promise<void> => {
  let next = from
  const worker = async () => {
    // boards of their own that have no rows: what is measured is the shape
    for (let n = next++; n < to; n = next++) await readToEnd(url + shapeOf(boardId(1000 + n)))
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

/** See the header. */
export const benchFanOut = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_fan_out')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('set synchronous_commit = off')
  const [few, many] = [
    await serveEngine(url, join(context.folder, 'engine-few'), 'few'),
    await serveEngine(url, join(context.folder, 'engine-many'), 'many'),
  ]
  const cpu = { few: [] as number[], many: [] as number[] }
  let perSecond = 0
  try {
    await makeShapes(many.url, 0, 100)
    const begin = performance.now()
    await makeShapes(many.url, 100, most)
    perSecond = ((most - 100) * 1000) / (performance.now() - begin)
    context.say(`  ${most} shapes made, ${perSecond.toFixed(0)} a second`)
    for (let round = 0; round < context.rounds; round += 1) {
      cpu.few.push(await cpuPerCommit(few, client))
      cpu.many.push(await cpuPerCommit(many, client))
    }
  } finally {
    await client.end()
    await many.stop()
    await few.stop()
  }
  return [
    { figure: 'shapes made, 32 at once', unit: '/s', ours: perSecond, limit: undefined },
    {
      figure: `CPU per matching commit, ${most} shapes`,
      unit: 'ms',
      ours: median(cpu.many),
      limit: { name: 'one shape', value: median(cpu.few) },
      target: { max: 1.1 },
    },
  ]
}
