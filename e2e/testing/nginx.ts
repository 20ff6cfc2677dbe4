// nginx with the documented configuration, as a process of this test's own: a folder, a free port, the given upstream.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '#server/kernel/must.ts'
import { until } from '#server/testing/postgres.ts'
import { findProgram } from '../debian/packages.ts'

export interface Nginx {
  readonly origin: string
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const replaced = (text: string, from: string, to: string): string => {
  if (text.split(from).length !== 2) throw new Error(`e2e/nginx.conf has to say "${from}" once`)
  return text.replace(from, () => to)
}

/** Starts it in front of `upstreamPort` on this machine and waits until it takes connections. */
export const startNginx = async (upstreamPort: number): Promise<Nginx> => {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-nginx-'))
  const port = await freePort()
  const documented = readFileSync(new URL('../nginx.conf', import.meta.url), 'utf8')
  const atPort = replaced(documented, 'listen 3002;', `listen 127.0.0.1:${port};`)
  const conf = join(folder, 'nginx.conf')
  writeFileSync(conf, replaced(atPort, 'server 127.0.0.1:3000;', `server 127.0.0.1:${upstreamPort};`))
  mkdirSync(join(folder, 'logs'))
  // as root it would hand its workers to a user who may not enter the folder
  const user = process.getuid?.() === 0 ? ' user root;' : ''
  const program = must(findProgram('nginx'), 'nginx')
  const child = spawn(program, ['-p', folder, '-c', conf, '-e', 'stderr', '-g', `daemon off;${user}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const gone = once(child, 'exit')
  const origin = `http://127.0.0.1:${port}`
  await until('nginx answers', async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${said}`)
    return fetch(`${origin}/v1/health`).then(
      () => true,
      () => false,
    )
  })
  return {
    origin,
    stop: async () => {
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
