// Load process of the API bench: PATCH /api/tasks/:id from many connections, each waiting for its answer.
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { ApiLoad, ApiResult } from './api.ts'
import { percentile } from './table.ts'

const patch = (agent: Agent, url: string, token: string, body: string): Promise<void> =>
  new Promise((done, fail) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${token}`,
      'idempotency-key': randomUUID(),
    }
    const call = request(url, { agent, method: 'PATCH', headers }, response => {
      response.resume()
      response.on('end', () =>
        response.statusCode === 200 ? done() : fail(new Error(`${url}: ${response.statusCode}`)),
      )
    })
    call.on('error', fail)
    call.end(body)
  })

const run = async ({ url, token, taskIds, connections, seconds }: ApiLoad): Promise<ApiResult> => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const latencies: number[] = []
  const begin = performance.now()
  const until = begin + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async (_, worker) => {
      for (let n = worker; performance.now() < until; n += connections) {
        const sent = performance.now()
        const body = JSON.stringify({ title: `Title ${n}`, description: `Written by ${worker}` })
        await patch(agent, `${url}/api/tasks/${taskIds[n % taskIds.length]}`, token, body)
        latencies.push(performance.now() - sent)
      }
    }),
  )
  agent.destroy()
  return { perSecond: (latencies.length * 1000) / (performance.now() - begin), p99: percentile(latencies, 0.99) }
}

process.on('message', message => {
  const { type, value } = message as { type: string; value: ApiLoad }
  if (type !== 'start') return
  run(value).then(
    result => process.send?.({ type: 'result', value: result }, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
