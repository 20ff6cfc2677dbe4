// An engine with its HTTP server, for tests, in this process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pause } from '#server/kernel/lifecycle.ts'
import { createLog, silentLog } from '#server/kernel/log.ts'
import { createHttpServer, listen } from '../engine/http.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { createEngine } from '../engine/service.ts'

export interface TestEngine {
  readonly engine: Engine
  /** `http://…/v1/shape`. */
  readonly url: string
  readonly origin: string
  readonly folder: string
  readonly replicationId: string
  /** `keep` leaves the folder for another engine. */
  stop(options?: { keep?: boolean }): Promise<void>
}

let counter = 0

/** A name that no other test uses for a slot on the same cluster. */
export const uniqueId = (): string => {
  counter += 1
  return `t${process.pid}_${counter}_${Math.random().toString(36).slice(2, 8)}`
}

/** Starts an engine on `databaseUrl` and waits until it is active. SKERRY_TEST_LOG=info shows what it says. */
export const startEngine = async (
  databaseUrl: string,
  options: Partial<EngineOptions> & { secret?: string; port?: number } = {},
): Promise<TestEngine> => {
  const { secret, port, ...engineOptions } = options
  const folder = engineOptions.storageDir ?? mkdtempSync(join(tmpdir(), 'skerry-engine-'))
  const level = process.env['SKERRY_TEST_LOG']
  const log = level === undefined ? silentLog : createLog(level as 'info')
  const replicationId = engineOptions.replicationId ?? uniqueId()
  const engine = createEngine({
    databaseUrl,
    storageDir: folder,
    publication: 'automatic',
    log,
    replicationId,
    allowDelete: true,
    ...engineOptions,
  })
  await engine.start()
  const server = createHttpServer({ upstream: engine, secret: secret ?? null, log })
  const bound = await listen(server, port ?? 0, '127.0.0.1')
  const origin = `http://127.0.0.1:${bound}`
  const deadline = Date.now() + 20_000
  while ((await engine.health()) !== 'active' && engineOptions.readinessMs !== 0) {
    if (Date.now() > deadline) throw new Error('the engine did not become active')
    await pause(5)
  }
  return {
    engine,
    url: `${origin}/v1/shape`,
    origin,
    folder,
    replicationId,
    stop: async ({ keep = false } = {}) => {
      server.closeAllConnections()
      server.close()
      await engine.stop()
      if (!keep && engineOptions.storageDir === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
