// Starts process.ts, and several of them for tests of more than one server.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '#server/testing/client.ts'

export interface SpawnedServer {
  readonly url: string
  readonly pid: number
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
}

/** Somebody with an account, and his client at `url`. */
export const signUpAt = async (url: string): Promise<{ readonly token: string; readonly client: Client }> => {
  const body = { email: 'ann@example.com', password: 'tide-and-granite-7', display_name: 'Ann' }
  const { body: answer } = await createClient(url).post('/auth/register', body)
  const { access_token: token } = answer as { access_token: string }
  return { token, client: createClient(url, { authorization: `Bearer ${token}` }) }
}

const script = fileURLToPath(new URL('process.ts', import.meta.url))

/** A server on `databaseUrl`; resolves once it listens. */
export const spawnServer = (
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<SpawnedServer> => {
  const child = spawn(process.execPath, [script], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      PORT: '0',
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'error',
      COLLAB_DEBOUNCE_MS: '100',
      COLLAB_MAX_DEBOUNCE_MS: '500',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>(done => {
    child.once('exit', code => done(code))
  })
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return ended
  }
  let said = ''
  return new Promise((done, fail) => {
    const listen = (piece: Buffer): void => {
      said += String(piece)
      const url = /listening (http:\S+)/.exec(said)?.[1]
      if (url) {
        const kill = async () => void (await end('SIGKILL'))
        done({ url, pid: child.pid ?? 0, kill, stop: () => end('SIGTERM') })
      }
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', piece => (said += String(piece)))
    child.once('exit', code => fail(new Error(`the server ended with ${code}: ${said}`)))
  })
}
