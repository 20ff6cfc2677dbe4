// What readers cost that have nothing to read: memory and CPU, beside the budget of each.
import { join } from 'node:path'
import { pause } from '#server/kernel/lifecycle.ts'
import type { BenchContext } from './main.ts'
import { boardId, createDataset } from './data.ts'
import type { LiveLoad, Sightings } from './live.ts'
import { cpuSeconds, load, memoryKib, serveEngine, serveFloor, type Served } from './processes.ts'
import { shapeOf } from './shape-requests.ts'
import { type Figure, median } from './table.ts'

// a board without rows: what is measured is the waiting
const readers = 2000
/** In which every stream has said once that it lives. */
const seconds = 21
/** Code that is compiled for the first request, and what its making left behind, is gone by then. */
const settleMs = 3000
const readerKib = 12

/** KiB of one more idle reader; for event streams the CPU of 1,000 of them as well, in percent of a core. */
const measure = async (server: Served, sse: boolean): Promise<{ kib: number; cpu: number }> => {
  const work: LiveLoad = { urls: [server.url + shapeOf(boardId(1000))], clients: readers, sse, deliveries: 0 }
  // the first readers of their kind, so that what is made once is not counted per reader
  const first = load<Sightings>('./live-clients.ts', { ...work, clients: 100 } satisfies LiveLoad)
  await first.ready
  await pause(settleMs)
  const before = memoryKib(server.pid)
  const generator = load<Sightings>('./live-clients.ts', work)
  await generator.ready
  await pause(settleMs)
  const kib = (memoryKib(server.pid) - before) / readers
  const cpuBefore = cpuSeconds(server.pid)
  if (sse) await pause(seconds * 1000)
  const cpu = ((cpuSeconds(server.pid) - cpuBefore) * 100 * 1000) / seconds / readers
  for (const each of [first, generator]) {
    each.finish()
    await each.result
  }
  await pause(500)
  return { kib, cpu }
}

/** See the header. */
export const benchIdle = async (context: BenchContext): Promise<Figure[]> => {
  const url = await createDataset(context.databaseUrl, 'bench_idle')
  const all = { base: [], poll: [], stream: [], cpu: [], floorPoll: [], floorStream: [] } as Record<string, number[]>
  const note = (name: string, value: number) => void all[name]?.push(value)
  for (let round = 0; round < context.rounds; round += 1) {
    // servers of their own for each kind: what the first readers leave behind would hold the second ones
    for (const sse of [false, true]) {
      const engine = await serveEngine(url, join(context.folder, `engine-idle-${round}-${sse}`))
      const floor = await serveFloor(url)
      try {
        await pause(settleMs)
        note('base', memoryKib(engine.pid) / 1024)
        const ours = await measure(engine, sse)
        note(sse ? 'stream' : 'poll', ours.kib)
        if (sse) note('cpu', ours.cpu)
        note(sse ? 'floorStream' : 'floorPoll', (await measure(floor, sse)).kib)
      } finally {
        await floor.stop()
        await engine.stop()
      }
    }
  }
  const of = (name: string) => median(all[name] ?? [])
  const budget = (value: number) => ({ limit: { name: 'budget', value }, target: { max: 1 } })
  // where the floor itself is beyond the budget, 1.2 times the floor is the one to meet
  const reader = (floor: number) =>
    floor > readerKib ? { limit: { name: 'floor', value: floor }, target: { max: 1.2 } } : budget(readerKib)
  return [
    { figure: 'memory before the first client', unit: 'MiB', ours: of('base'), ...budget(120) },
    { figure: 'memory of an idle long poll', unit: 'KiB', ours: of('poll'), ...reader(of('floorPoll')) },
    { figure: 'memory of an idle event stream', unit: 'KiB', ours: of('stream'), ...reader(of('floorStream')) },
    { figure: 'CPU of 1,000 idle event streams', unit: '% of a core', ours: of('cpu'), ...budget(0.2) },
  ]
}
