// Commit → bytes at the client: 100 long-poll clients on one board, 50 commits a second, beside commit → NOTIFY.
import { join } from 'node:path'
import pg from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import type { BenchContext } from './main.ts'
import { boardId, createDataset, projects, taskId } from './data.ts'
import { cpuSeconds, load, serveEngine } from './processes.ts'
import { type Figure, median, percentile } from './table.ts'

const clients = 100
const perSecond = 50
const seconds = 10

/** What the load process answers: per write the times (ms, monotonic) at which its clients saw it. */
export interface Sightings {
  readonly seen: readonly (readonly [sequence: number, atMs: number])[]
}

const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

const writeSteadily = async (url: string): Promise<Map<number, number>> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const committed = new Map<number, number>()
  const begin = now()
  for (let n = 0; n < perSecond * seconds; n += 1) {
    await pause(Math.max(0, begin + (n * 1000) / perSecond - now()))
    // rows of board 0: their numbers are multiples of the number of projects
    await client.query('update tasks set title = $1 where id = $2', [`seq:${n}.`, taskId((n % 200) * projects)])
    committed.set(n, now())
  }
  await client.end()
  return committed
}

const notifyLatency = async (url: string): Promise<number[]> => {
  const listener = new pg.Client({ connectionString: url })
  const writer = new pg.Client({ connectionString: url })
  await listener.connect()
  await writer.connect()
  await listener.query('listen bench')
  const latencies: number[] = []
  for (let n = 0; n < 200; n += 1) {
    const seen = new Promise<number>(done => listener.once('notification', () => done(now())))
    // from the sending: a notification is often there before the writer hears of its own commit
    const sent = now()
    await writer.query("select pg_notify('bench', '')")
    latencies.push((await seen) - sent)
  }
  await listener.end()
  await writer.end()
  return latencies
}

/** See the header. */
export const benchLive = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_live')
  const engine = await serveEngine(url, join(context.folder, 'engine-live'))
  const rounds: { p50: number; p99: number; cpu: number; notify: number; notify99: number }[] = []
  try {
    for (let round = 0; round < context.rounds; round += 1) {
      const where = encodeURIComponent(`project_id = '${boardId(0)}'`)
      const generator = load<Sightings>('./live-clients.ts', {
        url: `${engine.url}/v1/shape?table=tasks&where=${where}`,
        clients,
      })
      await generator.ready
      const cpuBefore = cpuSeconds(engine.pid)
      const committed = await writeSteadily(url)
      const cpu = cpuSeconds(engine.pid) - cpuBefore
      await pause(1000)
      generator.finish()
      const { seen } = await generator.result
      const missing = clients * committed.size - seen.length
      if (missing !== 0) throw new Error(`${missing} of ${clients * committed.size} deliveries did not arrive`)
      const latencies = seen.map(([n, at]) => Math.max(0, at - (committed.get(n) ?? Number.NaN)))
      const notify = await notifyLatency(url)
      rounds.push({
        p50: percentile(latencies, 0.5),
        p99: percentile(latencies, 0.99),
        cpu: (cpu * 1000) / seen.length,
        notify: percentile(notify, 0.5),
        notify99: percentile(notify, 0.99),
      })
      context.say(
        `  round ${round + 1}: p50 ${rounds[round]?.p50.toFixed(2)} ms, p99 ${rounds[round]?.p99.toFixed(2)} ms`,
      )
    }
  } finally {
    await engine.stop()
  }
  const of = (key: keyof (typeof rounds)[number]) => median(rounds.map(round => round[key]))
  return [
    {
      figure: 'commit → seen, 100 long polls, 50/s, p50',
      unit: 'ms',
      ours: of('p50'),
      limit: { name: 'write → NOTIFY seen p50', value: of('notify') },
    },
    {
      figure: 'commit → seen, 100 long polls, 50/s, p99',
      unit: 'ms',
      ours: of('p99'),
      limit: { name: 'write → NOTIFY seen p99', value: of('notify99') },
    },
    { figure: '  server CPU per delivery', unit: 'ms', ours: of('cpu'), limit: undefined },
  ]
}
