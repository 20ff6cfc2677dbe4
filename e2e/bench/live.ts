// Commit → bytes at the client, by long poll and by event stream, beside the floor: 20 clients with 20 commits a second,
// 100 with 50, and one transaction that touches 500 boards.
import { join } from 'node:path'
import pg from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import type { BenchContext } from './main.ts'
import { boardId, createDataset, projects, taskId } from './data.ts'
import { cpuSeconds, load, type Served, serveEngine, serveFloor } from './processes.ts'
import { readToEnd, shapeOf } from './shape-requests.ts'
import { type Figure, median, percentile } from './table.ts'

/** What a load process has to do: client n follows `urls[n % urls.length]`. */
export interface LiveLoad {
  readonly urls: readonly string[]
  readonly clients: number
  readonly sse: boolean
  /** Sightings to wait for at the end; those that are missing after 15 s are lost. */
  readonly deliveries: number
}

/** What the load process answers: per write the times (ms, monotonic) at which its clients saw it. */
export interface Sightings {
  readonly seen: readonly (readonly [sequence: number, atMs: number])[]
}

interface Pace {
  readonly clients: number
  readonly perSecond: number
  readonly sse: boolean
}

const seconds = 6
const settleMs = 2500
const paces: readonly Pace[] = [
  { clients: 20, perSecond: 20, sse: true },
  { clients: 20, perSecond: 20, sse: false },
  { clients: 100, perSecond: 50, sse: true },
  { clients: 100, perSecond: 50, sse: false },
]

const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

const writeSteadily = async (client: pg.Client, perSecond: number): Promise<Map<number, number>> => {
  const committed = new Map<number, number>()
  const begin = now()
  for (let n = 0; n < perSecond * seconds; n += 1) {
    await pause(Math.max(0, begin + (n * 1000) / perSecond - now()))
    // a title that the row does not have yet; rows of board 0: their numbers are multiples of the number of projects
    await client.query('update tasks set title = $1 where id = $2', [`seq:${n}.${now()}`, taskId((n % 200) * projects)])
    committed.set(n, now())
  }
  return committed
}

interface Delivered {
  readonly p50: number
  readonly p99: number
  readonly cpu: number
}

const deliver = async (
  server: Served,
  work: LiveLoad,
  write: () => Promise<ReadonlyMap<number, number>>,
): Promise<Delivered> => {
  const generator = load<Sightings>('./live-clients.ts', work)
  await generator.ready
  const cpuBefore = cpuSeconds(server.pid)
  const committed = await write()
  generator.finish()
  const { seen } = await generator.result
  const cpu = cpuSeconds(server.pid) - cpuBefore
  if (seen.length !== work.deliveries) throw new Error(`${seen.length} of ${work.deliveries} deliveries arrived`)
  const latencies = seen.map(([n, at]) => Math.max(0, at - (committed.get(n) ?? Number.NaN)))
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), cpu: (cpu * 1000) / seen.length }
}

const titleOf = ({ clients, perSecond, sse }: Pace) =>
  `commit → seen, ${clients} ${sse ? 'event streams' : 'long polls'}, ${perSecond}/s`

/** Every figure of a pace, of both servers. */
const figuresOf = (pace: Pace, ours: readonly Delivered[], floor: readonly Delivered[]): Figure[] =>
  (['p50', 'p99', 'cpu'] as const).map(key => ({
    figure: key === 'cpu' ? '  server CPU per delivery' : `${titleOf(pace)}, ${key}`,
    unit: 'ms',
    ours: median(ours.map(each => each[key])),
    limit: { name: 'floor', value: median(floor.map(each => each[key])) },
    target: { max: 1.3 },
  }))

/** See the header. */
export const benchLive = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_live')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const engine = await serveEngine(url, join(context.folder, 'engine-live'))
  const floor = await serveFloor(url)
  const results = paces.map(pace => ({ pace, ours: [] as Delivered[], floor: [] as Delivered[] }))
  const bursts = { ours: [] as number[], floor: [] as number[] }
  try {
    // one after the other: so many new shapes at once would be refused
    for (const { url: base } of [engine, floor])
      for (let n = 0; n < projects; n += 1) await readToEnd(base + shapeOf(boardId(n)))
    for (let round = 0; round < context.rounds; round += 1) {
      for (const { pace, ...all } of results)
        for (const [key, server] of [
          ['ours', engine],
          ['floor', floor],
        ] as const) {
          const { clients, perSecond, sse } = pace
          const work = {
            urls: [server.url + shapeOf(boardId(0))],
            clients,
            sse,
            deliveries: clients * perSecond * seconds,
          }
          all[key].push(await deliver(server, work, () => writeSteadily(client, perSecond)))
        }
      for (const [key, server] of [
        ['ours', engine],
        ['floor', floor],
      ] as const) {
        const urls = Array.from({ length: projects }, (_, n) => server.url + shapeOf(boardId(n)))
        const write = async () => {
          await client.query(`update tasks set title = 'seq:0.' || clock_timestamp() where id = any($1::uuid[])`, [
            Array.from({ length: projects }, (_, n) => taskId(n + projects * round)),
          ])
          return new Map([[0, now()]])
        }
        bursts[key].push(
          (await deliver(server, { urls, clients: projects, sse: true, deliveries: projects }, write)).p50,
        )
        // 500 logs that still have to become durable are not a part of the next round's deliveries
        await pause(settleMs)
      }
      const last = results.at(-1)?.ours.at(-1)
      context.say(
        `  round ${round + 1}: ${titleOf(paces[3] as Pace)}: p50 ${last?.p50.toFixed(2)} ms, p99 ${last?.p99.toFixed(2)} ms`,
      )
    }
  } finally {
    await client.end()
    await floor.stop()
    await engine.stop()
  }
  return [
    ...results.flatMap(({ pace, ours, floor: theirs }) => figuresOf(pace, ours, theirs)),
    {
      figure: `one transaction on ${projects} boards, each with a reader, p50`,
      unit: 'ms',
      ours: median(bursts.ours),
      limit: { name: 'floor', value: median(bursts.floor) },
    },
  ]
}
