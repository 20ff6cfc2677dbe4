// Skerry as a process that a test may kill: the server on a PostgreSQL of its own, which outlives it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EmbeddedPostgres } from '#server/embedded/postgres.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { silentLog } from '#server/kernel/log.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface ServerProcess {
  readonly url: string
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves when the process is gone. */
  stop(): Promise<void>
}

export interface Harbour {
  readonly databaseUrl: string
  /** A folder that goes with it. */
  readonly folder: string
  /** Starts a server on the same database and data folder, on a free port; one at a time. */
  startServer(): Promise<ServerProcess>
  close(): Promise<void>
}

/** Starts a PostgreSQL that does not wait for the disk. */
export const openHarbour = async (name: string): Promise<Harbour> => {
  const folder = mkdtempSync(join(tmpdir(), `skerry-${name}-`))
  const postgres = new EmbeddedPostgres({ folder: join(folder, 'postgres'), log: silentLog, durable: false })
  await postgres.start()
  return {
    databaseUrl: postgres.url,
    folder,
    startServer: () => startServer(postgres.url, join(folder, 'data')),
    close: async () => {
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const startServer = async (databaseUrl: string, dataDir: string): Promise<ServerProcess> => {
  const child = spawn(process.execPath, ['server/cli.ts', 'start'], {
    cwd: root,
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      DATA_DIR: dataDir,
      PORT: '0',
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>(done => child.once('exit', () => done()))
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return ended
  }
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', piece => (out += String(piece)))
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    const url = /(http:\S+)\/ready/.exec(out)?.[1]
    if (url) return { url, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
    if (child.exitCode !== null) break
    await pause(10)
  }
  throw new Error(`the server did not start: ${out}`)
}
