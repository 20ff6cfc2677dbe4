// Servers and load generators as processes of their own: nobody shares an event loop with what he measures.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { pause } from '#server/kernel/lifecycle.ts'

export interface Served {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

export const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? done(address.port) : fail(new Error('no port'))))
    })
  })

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const untilHealthy = async (url: string, child: ChildProcess): Promise<void> => {
  for (let attempt = 0; attempt < 1200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`)
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.status === 200) return
    await pause(25)
  }
  throw new Error(`${url} did not become healthy`)
}

/** Servers run as package.json starts them, their peers alike. */
const nodeFlags = ['--max-semi-space-size=4']

const serve = async (
  script: string,
  args: string[],
  env: Record<string, string>,
  health: string,
): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [...nodeFlags, path(script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await untilHealthy(health, child)
  return child
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

const served = (url: string, child: ChildProcess): Served => {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return serving(url, child)
}

const serving = (url: string, child: ChildProcess): Served => ({
  url,
  pid: child.pid ?? 0,
  stop: async () => {
    const ended = new Promise(done => child.once('exit', done))
    child.kill('SIGTERM')
    await ended
  },
})

/** The shape engine alone on `databaseUrl`. */
export const serveEngine = async (databaseUrl: string, storageDir: string, name = ''): Promise<Served> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = ['--database-url', databaseUrl, '--port', String(port), '--host', '127.0.0.1', '--insecure']
  // slots are of the whole cluster: each database of the bench has a name of its own
  const id = new URL(databaseUrl).pathname.slice(1) + name
  args.push('--storage-dir', storageDir, '--log-level', 'error', '--replication-id', id)
  return served(url, await serve('../../sync/engine/cli.ts', args, {}, `${url}/v1/health`))
}

/** The minimal server of the sync benches (floor.ts). */
export const serveFloor = async (databaseUrl: string): Promise<Served> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { DATABASE_URL: databaseUrl, PORT: String(port) }
  return served(url, await serve('./floor.ts', [], env, `${url}/v1/health`))
}

/** The whole of Skerry on `databaseUrl`. */
export const serveSkerry = async (databaseUrl: string, dataDir: string): Promise<Served> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    PORT: String(port),
    PUBLIC_URL: url,
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'error',
  }
  return served(url, await serve('../../server/cli.ts', ['start'], env, `${url}/ready`))
}

/** A plain Koa and pg handler on Skerry's tables, the API's peer. */
export const serveNaive = async (databaseUrl: string): Promise<Served> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { DATABASE_URL: databaseUrl, PORT: String(port) }
  return served(url, await serve('./naive-api.ts', [], env, `${url}/health`))
}

export type DocsPeer = 'hocuspocus' | 'y-websocket'

/**
 * A peer of the document sockets (docs-peer.ts); `states`: files with what documents hold, by the start of their name;
 * `packages`: where a peer lies that the project does not depend on.
 */
export const serveDocsPeer = async (
  peer: DocsPeer,
  states: Readonly<Record<string, string>>,
  packages: string,
): Promise<Served> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { PACKAGES: packages, PEER: peer, PORT: String(port), STATES: JSON.stringify(states) }
  return served(url, await serve('./docs-peer.ts', [], env, `${url}/health`))
}

/** A load generator: a forked script that gets `input` and answers with one message. */
export const load = <Output>(
  script: string,
  input: unknown,
): { ready: Promise<void>; result: Promise<Output>; finish(): void } => {
  const child = fork(path(script), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ready = Promise.withResolvers<void>()
  const result = Promise.withResolvers<Output>()
  // whoever waits hears of a failure through the promise he waits for; the other one must not end the process
  ready.promise.catch(() => {})
  result.promise.catch(() => {})
  child.on('message', message => {
    const { type, value } = message as { type: 'ready' | 'result'; value: Output }
    if (type === 'ready') ready.resolve()
    else result.resolve(value)
  })
  child.once('exit', code => {
    if (code !== 0) {
      ready.reject(new Error(`${script} ended with code ${code}`))
      result.reject(new Error(`${script} ended with code ${code}`))
    }
  })
  child.send({ type: 'start', value: input })
  return { ready: ready.promise, result: result.promise, finish: () => void child.send({ type: 'finish' }) }
}

/** CPU seconds (user + system) that `pid` and its children have used; Linux only, NaN elsewhere. */
export const cpuSeconds = (pid: number): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [, , , , , , , , , , , user, system] = fields.slice(fields.lastIndexOf(')') + 2).split(' ')
    return (Number(user) + Number(system)) / 100
  } catch {
    return Number.NaN
  }
}

/** Proportional set size of `pid` in KiB; Linux only, NaN elsewhere. */
export const memoryKib = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
  } catch {
    return Number.NaN
  }
}
