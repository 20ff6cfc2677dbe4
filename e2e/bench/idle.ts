// What readers cost that have nothing to read: memory and CPU, beside the budget of each.
import { join } from 'node:path'
import { pause } from '#server/kernel/lifecycle.ts'
import type { BenchContext } from './main.ts'
import { boardId, createDataset } from './data.ts'
import type { LiveLoad, Sightings } from './live.ts'
import { cpuSeconds, load, memoryKib, serveEngine } from './processes.ts'
import { shapeOf } from './shape-requests.ts'
import { type Figure, median } from './table.ts'

// a board without rows: what is measured is the waiting
const readers = 2000
const seconds = 5
/** Code that is compiled for the first request, and what its making left behind, is gone by then. */
const settleMs = 3000

/** See the header. */
export const benchIdle = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_idle')
  const rounds: Record<'base' | 'poll' | 'stream' | 'cpu', number>[] = []
  for (let round = 0; round < context.rounds; round += 1) {
    const engine = await serveEngine(url, join(context.folder, `engine-idle-${round}`))
    try {
      await pause(settleMs)
      const base = memoryKib(engine.pid)
      const held: number[] = []
      let cpu = 0
      for (const sse of [false, true]) {
        const work: LiveLoad = { urls: [engine.url + shapeOf(boardId(1000))], clients: readers, sse, deliveries: 0 }
        // the first readers of their kind, so that what is made once is not counted per reader
        const first = load<Sightings>('./live-clients.ts', { ...work, clients: 100 } satisfies LiveLoad)
        await first.ready
        await pause(settleMs)
        const before = memoryKib(engine.pid)
        const generator = load<Sightings>('./live-clients.ts', work)
        await generator.ready
        await pause(settleMs)
        held.push((memoryKib(engine.pid) - before) / readers)
        const cpuBefore = cpuSeconds(engine.pid)
        await pause(seconds * 1000)
        if (sse) cpu = ((cpuSeconds(engine.pid) - cpuBefore) * 100 * 1000) / seconds / readers
        for (const each of [first, generator]) {
          each.finish()
          await each.result
        }
        await pause(500)
      }
      rounds.push({ base: base / 1024, poll: held[0] ?? Number.NaN, stream: held[1] ?? Number.NaN, cpu })
    } finally {
      await engine.stop()
    }
  }
  const of = (key: keyof (typeof rounds)[number]) => median(rounds.map(round => round[key]))
  const budget = (value: number) => ({ limit: { name: 'budget', value }, target: { max: 1 } })
  return [
    { figure: 'memory before the first client', unit: 'MiB', ours: of('base'), ...budget(120) },
    { figure: 'memory of an idle long poll', unit: 'KiB', ours: of('poll'), ...budget(12) },
    { figure: 'memory of an idle event stream', unit: 'KiB', ours: of('stream'), ...budget(12) },
    { figure: 'CPU of 1,000 idle event streams', unit: '% of a core', ours: of('cpu'), ...budget(0.2) },
  ]
}
