import { expect, test, vi } from 'vitest'
import type { SystemActor } from '#server/kernel/actor.ts'
import { createLog } from '#server/kernel/log.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import { type DailyJob, daily } from './daily.ts'

const actor: SystemActor = { kind: 'system', reason: 'test', userId: undefined, displayName: 'Skerry' }

const recorder = () => {
  const lines: { level: string; message: string; job?: string; rows?: number }[] = []
  return { lines, log: createLog('info', line => lines.push(JSON.parse(line) as (typeof lines)[0])) }
}

test('every job runs at the start and in every round, also after one that failed', async () => {
  const { lines, log } = recorder()
  const write: ServerWrite = () => Promise.reject(new Error('no database'))
  let rounds = 0
  const jobs = {
    failing: async (given: ServerWrite) => given('failing', actor, async () => 1),
    working: async () => (++rounds === 1 ? 7 : 0),
  }
  const service = daily({ jobs, write, log, everyMs: 1 })
  await service.start()
  await vi.waitUntil(() => rounds > 2, { interval: 1 })
  await service.stop()
  const after = rounds
  expect(lines.filter(({ job }) => job === 'working')).toMatchObject([{ level: 'info', rows: 7 }])
  expect(lines.filter(({ job }) => job === 'failing').length).toBeGreaterThanOrEqual(2)
  expect(lines[0]).toMatchObject({ level: 'error', job: 'failing' })
  await new Promise(done => setTimeout(done, 20))
  expect(rounds).toBe(after)
})

test('a stop waits for the write under way, begins no other, and is no failure', async () => {
  const { lines, log } = recorder()
  const seen: string[] = []
  const release = Promise.withResolvers<void>()
  const write = (async (name: string) => {
    seen.push(`begin ${name}`)
    await release.promise
    seen.push(`end ${name}`)
  }) as unknown as ServerWrite
  const endless: DailyJob = async given => {
    for (let batch = 0; ; batch += 1) await given(String(batch), actor, async () => undefined)
  }
  const service = daily({ jobs: { endless }, write, log })
  await service.start()
  const stopped = service.stop().then(() => seen.push('stopped'))
  release.resolve()
  await stopped
  expect(seen).toEqual(['begin 0', 'end 0', 'stopped'])
  expect(lines).toEqual([])
})
