// Live shapes as an application has them: through session, gate and permission, 34 shapes a client; by long polls and,
// in turn, over one socket per client. The cost is the whole server's.
import { join } from 'node:path'
import { pause } from '#server/kernel/lifecycle.ts'
import type { GateLoad, GateResult } from './gate-clients.ts'
import type { BenchContext } from './main.ts'
import { cpuSeconds, load, serveSkerry } from './processes.ts'
import { type Figure, median, percentile } from './table.ts'

const clients = 5
const shapesPerClient = 34
const perSecond = 20
const seconds = 8

interface Round {
  readonly p50: number
  readonly p99: number
  readonly cpu: number
}

const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

const send = async <T>(method: string, url: string, token: string | undefined, body: unknown): Promise<T> => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

interface Made {
  readonly data: { readonly id: string }
}

const prepare = async (url: string) => {
  const account = { email: `gate-${Date.now()}@example.com`, password: 'granite-and-tide-9' }
  const { access_token: token } = await send<{ access_token: string }>(
    'POST',
    `${url}/auth/register`,
    undefined,
    account,
  )
  const application = (await send<Made>('POST', `${url}/api/applications`, token, { name: 'Bench' })).data.id
  const projects = `${url}/api/applications/${application}/projects`
  const boards: string[] = []
  for (let n = 0; n < shapesPerClient; n += 1)
    boards.push((await send<Made>('POST', projects, token, { name: `Board ${n}`, key: `B${n}` })).data.id)
  const task = (await send<Made>('POST', `${url}/api/projects/${boards[0]}/tasks`, token, { title: 'Card' })).data.id
  // one shape a board: the write concerns the first of them
  const shapes = boards.map(board => `/api/shapes/tasks?application_id=${application}&project_id=${board}`)
  return { token, task, shapes }
}

const measure = async (context: BenchContext, pid: number, input: GateLoad, task: string): Promise<Round> => {
  const generator = load<GateResult>('./gate-clients.ts', input)
  await generator.ready
  const before = cpuSeconds(pid)
  const committed = new Map<number, number>()
  const begin = now()
  for (let n = 0; n < perSecond * seconds; n += 1) {
    await pause(Math.max(0, begin + (n * 1000) / perSecond - now()))
    await send('PATCH', `${input.url}/api/tasks/${task}`, input.token, { title: `seq:${n}.` })
    committed.set(n, now())
  }
  await pause(500)
  const cpu = cpuSeconds(pid) - before
  generator.finish()
  const { seen } = await generator.result
  if (seen.length !== committed.size * input.clients)
    throw new Error(`${seen.length} of ${committed.size * input.clients} deliveries arrived`)
  const latencies = seen.map(([n, at]) => Math.max(0, at - (committed.get(n) ?? Number.NaN)))
  const round = { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), cpu: (cpu * 1000) / seen.length }
  context.say(`  ${input.transport}: p50 ${round.p50.toFixed(1)} ms, ${round.cpu.toFixed(3)} ms CPU per delivery`)
  return round
}

/** See the header. */
export const benchGate = async (context: BenchContext): Promise<Figure[]> => {
  const skerry = await serveSkerry(context.databaseUrl, join(context.folder, 'skerry-gate'))
  const rounds: Record<GateLoad['transport'], Round[]> = { poll: [], socket: [] }
  try {
    const { token, task, shapes } = await prepare(skerry.url)
    const input = { url: skerry.url, token, shapes, clients }
    for (let round = 0; round < context.rounds; round += 1)
      for (const transport of ['poll', 'socket'] as const)
        rounds[transport].push(await measure(context, skerry.pid, { ...input, transport }, task))
  } finally {
    await skerry.stop()
  }
  const of = (transport: GateLoad['transport'], key: keyof Round) => median(rounds[transport].map(round => round[key]))
  const figure = (name: string, key: keyof Round, target?: Figure['target']): Figure => ({
    figure: name,
    unit: 'ms',
    ours: of('socket', key),
    limit: { name: 'by long polls', value: of('poll', key) },
    ...(target ? { target } : {}),
  })
  return [
    figure(`write → seen over /sync, ${clients} clients with ${shapesPerClient} shapes, p50`, 'p50'),
    figure('  p99', 'p99'),
    figure('  server CPU per delivery, the write included', 'cpu', { max: 1 }),
  ]
}
