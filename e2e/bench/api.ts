// Writes through the API (session, permission, merge, activity, replay row, txid) from 64 connections, and the offline
// queue of one client; beside the same change in a plain handler, and beside bare single-row updates.
import { join } from 'node:path'
import pg from 'pg'
import { uuid7 } from '#server/kernel/ids.ts'
import type { BenchContext } from './main.ts'
import { load, serveNaive, serveSkerry } from './processes.ts'
import { type Figure, median } from './table.ts'

const connections = 64
const taskCount = 200
const seconds = 8

export interface ApiLoad {
  readonly url: string
  readonly token: string
  readonly taskIds: readonly string[]
  readonly connections: number
  readonly seconds: number
}

export interface ApiResult {
  readonly perSecond: number
  readonly p99: number
}

interface Board {
  readonly token: string
  readonly taskIds: string[]
}

const call = async <T>(url: string, token: string | undefined, body: unknown): Promise<T> => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

const prepare = async (url: string): Promise<Board> => {
  const account = { email: `bench-${uuid7()}@example.com`, password: 'granite-and-tide-9' }
  const { access_token: token } = await call<{ access_token: string }>(`${url}/auth/register`, undefined, account)
  const app = await call<{ data: { id: string } }>(`${url}/api/applications`, token, { name: 'Bench' })
  const project = await call<{ data: { id: string } }>(`${url}/api/applications/${app.data.id}/projects`, token, {
    name: 'Bench',
    key: 'BCH',
  })
  const taskIds = Array.from({ length: taskCount }, () => uuid7())
  const transactions = taskIds.map((id, n) => ({
    id: uuid7(),
    mutations: [{ name: 'task.create', args: { id, project_id: project.data.id, title: `Task ${n}` } }],
  }))
  for (let n = 0; n < transactions.length; n += 100) {
    await call(`${url}/api/transactions`, token, { transactions: transactions.slice(n, n + 100) })
  }
  return { token, taskIds }
}

const queueRate = async (url: string, { token, taskIds }: Board): Promise<number> => {
  const begin = performance.now()
  const total = 400
  for (let n = 0; n < total; n += 100) {
    const transactions = Array.from({ length: 100 }, (_, i) => ({
      id: uuid7(),
      mutations: [{ name: 'task.update', args: { id: taskIds[i], title: `Queued ${n + i} ${Math.random()}` } }],
    }))
    await call(`${url}/api/transactions`, token, { transactions })
  }
  return (total * 1000) / (performance.now() - begin)
}

/** Bare `update … where id = …` with its commit, on `connections` connections. */
const bareUpdates = async (url: string, taskIds: readonly string[]): Promise<number> => {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  let done = 0
  const until = performance.now() + (seconds * 1000) / 2
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async (_, worker) => {
      for (let n = worker; performance.now() < until; n += connections) {
        await pool.query({
          name: 'bare',
          text: 'update bare_tasks set title = $1 where id = $2',
          values: [`bare ${n}`, taskIds[n % taskIds.length]],
        })
        done += 1
      }
    }),
  )
  const rate = (done * 1000) / (performance.now() - begin)
  await pool.end()
  return rate
}

/** See the header. */
export const benchApi = async (context: BenchContext): Promise<Figure[]> => {
  const skerry = await serveSkerry(context.databaseUrl, join(context.folder, 'skerry'))
  const naive = await serveNaive(context.databaseUrl)
  const ours: ApiResult[] = []
  const theirs: ApiResult[] = []
  const bare: number[] = []
  const queued: number[] = []
  const sequential: number[] = []
  try {
    const board = await prepare(skerry.url)
    const client = new pg.Client({ connectionString: context.databaseUrl })
    await client.connect()
    // the same row without triggers, replica identity and publication: what a commit costs
    await client.query('create table bare_tasks as select id, title from tasks')
    await client.query('alter table bare_tasks add primary key (id)')
    await client.end()
    const run = (url: string, count: number) =>
      load<ApiResult>('./api-clients.ts', { url, connections: count, seconds, ...board } satisfies ApiLoad).result
    for (let round = 0; round < context.rounds; round += 1) {
      const [mine, peer] = [await run(skerry.url, connections), await run(naive.url, connections)]
      ours.push(mine)
      theirs.push(peer)
      bare.push(await bareUpdates(context.databaseUrl, board.taskIds))
      queued.push(await queueRate(skerry.url, board))
      sequential.push((await run(naive.url, 1)).perSecond)
      const rates = [mine.perSecond, peer.perSecond, bare[round] ?? 0].map(rate => rate.toFixed(0))
      context.say(`  round ${round + 1}: ${rates[0]} writes/s, plain handler ${rates[1]}, bare updates ${rates[2]}`)
    }
  } finally {
    await naive.stop()
    await skerry.stop()
  }
  const rateOf = (results: readonly ApiResult[]) => median(results.map(result => result.perSecond))
  const p99Of = (results: readonly ApiResult[]) => median(results.map(result => result.p99))
  const figure = `writes through the API, ${connections} connections`
  return [
    {
      figure,
      unit: '/s',
      ours: rateOf(ours),
      limit: { name: 'plain handler', value: rateOf(theirs) },
      target: { min: 2 },
    },
    { figure, unit: '/s', ours: rateOf(ours), limit: { name: 'bare update + commit', value: median(bare) } },
    {
      figure: '  p99',
      unit: 'ms',
      ours: p99Of(ours),
      limit: { name: 'plain handler', value: p99Of(theirs) },
      target: { max: 0.5 },
    },
    {
      figure: 'offline queue of one client, batches of 100',
      unit: '/s',
      ours: median(queued),
      limit: { name: 'plain handler, one by one', value: median(sequential) },
      target: { min: 5 },
    },
  ]
}
