// First sync of 100,000 rows and of one board, cold and warm, beside COPY of the same table.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { BenchContext } from './main.ts'
import { boardId, createDataset } from './data.ts'
import { cpuSeconds, serveEngine } from './processes.ts'
import { type Figure, median } from './table.ts'

interface FirstSync {
  readonly ms: number
  readonly bytes: number
}

/** Follows the log from -1 to up-to-date, as a client does, without parsing. */
const firstSync = async (url: string, query: string): Promise<FirstSync> => {
  const begin = performance.now()
  let bytes = 0
  let position = 'offset=-1'
  for (;;) {
    const answer = await fetch(`${url}/v1/shape?table=tasks${query}&${position}`)
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
    bytes += (await answer.arrayBuffer()).byteLength
    if (answer.headers.has('electric-up-to-date')) return { ms: performance.now() - begin, bytes }
    position = `offset=${answer.headers.get('electric-offset')}&handle=${answer.headers.get('electric-handle')}`
  }
}

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

/** See the header. */
export const benchSync = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_sync')
  const all: Record<'cold' | 'warm' | 'boardCold' | 'boardWarm' | 'copy' | 'warmCpu', number[]> = {
    cold: [],
    warm: [],
    boardCold: [],
    boardWarm: [],
    copy: [],
    warmCpu: [],
  }
  let bytes = 0
  for (let round = 0; round < context.rounds; round += 1) {
    const storage = join(context.folder, `engine-${round}`)
    const engine = await serveEngine(url, storage)
    try {
      all.copy.push(await copyOut(url))
      const cold = await firstSync(engine.url, '')
      all.cold.push(cold.ms)
      bytes = cold.bytes
      const before = cpuSeconds(engine.pid)
      all.warm.push((await firstSync(engine.url, '')).ms)
      all.warmCpu.push(cpuSeconds(engine.pid) - before)
      const where = `&where=${encodeURIComponent(`project_id = '${boardId(round + 1)}'`)}`
      all.boardCold.push((await firstSync(engine.url, where)).ms)
      all.boardWarm.push((await firstSync(engine.url, where)).ms)
    } finally {
      await engine.stop()
      rmSync(storage, { recursive: true, force: true })
    }
    context.say(`  round ${round + 1}: cold ${all.cold[round]?.toFixed(0)} ms, warm ${all.warm[round]?.toFixed(0)} ms`)
  }
  const copy = { name: 'COPY to stdout', value: median(all.copy) }
  return [
    { figure: 'first sync, 100k rows, cold', unit: 'ms', ours: median(all.cold), limit: copy, target: { max: 2 } },
    { figure: 'first sync, 100k rows, warm', unit: 'ms', ours: median(all.warm), limit: copy },
    { figure: '  server CPU of the warm sync', unit: 's', ours: median(all.warmCpu), limit: undefined },
    { figure: '  bytes on the wire', unit: 'MB', ours: bytes / 1e6, limit: undefined },
    { figure: 'first sync, one board of 200, cold', unit: 'ms', ours: median(all.boardCold), limit: undefined },
    { figure: 'first sync, one board of 200, warm', unit: 'ms', ours: median(all.boardWarm), limit: undefined },
  ]
}
