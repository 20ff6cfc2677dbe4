// /metrics on a port of its own, as Electric does it: the network decides who may look.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressError } from '#server/kernel/address.ts'
import type { Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { createMetrics } from '#server/kernel/metrics.ts'
import { engineMetrics, type Measured } from './metrics.ts'

/** The figures of `engine` on `port` of `host` (all addresses when undefined); its start throws ConfigError where taken. */
export const metricsService = (
  engine: Measured,
  storageDir: string,
  port: number,
  host: string | undefined,
  log: Log,
): Service => {
  const { registry } = createMetrics()
  engineMetrics(registry, engine, storageDir)
  const server = createServer((request, response) => {
    if (request.url?.split('?', 1)[0] !== '/metrics' || request.method !== 'GET')
      return void response.writeHead(404).end()
    registry.metrics().then(
      text => response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text),
      (error: unknown) => {
        log.warn('the metrics could not be read', { error })
        response.writeHead(500).end()
      },
    )
  })
  return {
    name: 'metrics',
    start: async () => {
      server.listen(port, host)
      await once(server, 'listening').catch((error: unknown) => {
        throw addressError(error, { host, port }, { host: '--host', port: '--metrics-port' })
      })
      log.info('metrics', { port: (server.address() as AddressInfo).port })
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
