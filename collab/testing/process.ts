// The web part of the server, without shapes, as a process that tests may kill. Settings come from the environment; the
// address goes to stdout once it listens.
import { createApp } from '#server/app.ts'
import { HttpServer } from '#server/http/server.ts'
import { configFromProcess } from '#server/kernel/config.ts'
import { openDatabase } from '#server/kernel/database.ts'
import { createLog } from '#server/kernel/log.ts'

const config = configFromProcess()
const log = createLog(config.logLevel)
const database = openDatabase(config.databaseUrl, config.databasePoolSize, log)
const app = createApp({
  config,
  databaseUrl: () => config.databaseUrl,
  database,
  upstream: {
    handle: async () => ({ status: 404, headers: {}, body: Buffer.alloc(0) }),
    health: async () => 'active' as const,
  },
  log,
  version: '0.0.0-test',
})
await app.bus.start()
await app.collab.start()
const server = new HttpServer({ ...app.http, host: config.host, port: config.port, log })
await server.start()
process.stdout.write(`listening http://${config.host}:${server.port}\n`)
process.once('SIGTERM', () => {
  const stop = async () => {
    await server.stop()
    await app.collab.stop()
    await app.bus.stop()
    await database.close()
  }
  void stop().then(() => process.exit(0))
})
