// The engine as a process of its own, for tests that kill it. Options come as JSON in SKERRY_ENGINE; the port goes to
// stdout once requests are taken.
import { flushCompileCache } from 'node:module'
import { createLog } from '#server/kernel/log.ts'
import { createHttpServer, endServer, listen } from '../engine/http.ts'
import type { EngineOptions } from '../engine/engine.ts'
import { createEngine } from '../engine/service.ts'
import { crashAt } from './crash-points.ts'

const options = JSON.parse(process.env['SKERRY_ENGINE'] ?? '{}') as Omit<EngineOptions, 'log'> & { port: number }
const log = createLog((process.env['SKERRY_TEST_LOG'] as 'info' | undefined) ?? 'silent')
const engine = createEngine({ ...options, log, reach: crashAt(process.env['SKERRY_CRASH']) })
await engine.start()
const closing = new AbortController()
const server = createHttpServer({ upstream: engine, secret: null, log, closing: closing.signal })
const port = await listen(server, options.port, '127.0.0.1')
process.stdout.write(`${port}\n`)
// it ends by SIGKILL as a rule, and would leave nothing to the next one
flushCompileCache()
process.once('SIGTERM', () => {
  void endServer(server, closing).then(() => engine.stop())
})
