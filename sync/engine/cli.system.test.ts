// The engine as Electric's users would start it: from the environment, as a process.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { queryOnce, startCluster, type TestCluster, until } from '#server/testing/postgres.ts'

const main = fileURLToPath(new URL('./cli.ts', import.meta.url))
const secret = 'tell-nobody-7'

let cluster: TestCluster
let folder = ''

interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  /** What it wrote to stderr so far. */
  err(): string
  /** `http://…`, once it listens. */
  origin(): Promise<string>
}

const start = (env: Record<string, string>): Started => {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [main], { env: { PATH, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr?.on('data', piece => (text += String(piece)))
  const ended = new Promise<number | null>(done => child.once('exit', code => done(code)))
  return {
    child,
    ended,
    err: () => text,
    origin: async () => {
      await until('it listens', () => /"message":"listening","port":\d+/.test(text))
      return `http://127.0.0.1:${/"message":"listening","port":(\d+)/.exec(text)?.[1] ?? ''}`
    },
  }
}

const environment = (more: Record<string, string>) => ({
  DATABASE_URL: cluster.url,
  ELECTRIC_PORT: '0',
  ELECTRIC_STORAGE_DIR: join(folder, 'persistent'),
  ELECTRIC_SECRET: secret,
  ELECTRIC_LOG_LEVEL: 'debug',
  ...more,
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-cli-'))
  cluster = await startCluster()
  await queryOnce(cluster.url, 'create table items (id int primary key)')
})
afterAll(async () => {
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('E7 E11 started by Electric’s environment, it serves, and its secret is in no log', async () => {
  const engine = start(environment({ ELECTRIC_NONSENSE: 'hush-hush', ELECTRIC_STORAGE: 'fast_file' }))
  try {
    const origin = await engine.origin()
    await until('it is active', async () => (await fetch(`${origin}/v1/health`)).status === 200)
    const status = async (path: string, init?: RequestInit) => (await fetch(origin + path, init)).status
    const query = `table=items&offset=-1&secret=${secret}`
    expect(await status(`/v1/shape?${query}`)).toBe(200)
    expect(await status(`/v1/shape?table=items&offset=-1`)).toBe(401)
    expect(await status(`/v1/shape?table=items&offset=-1&secret=${secret}x`)).toBe(401)
    expect(await status(`/v1/shape?${query}&where=nope`)).toBe(400)
    expect(await status(`/v1/shape?${query}`, { method: 'POST', body: '{' })).toBe(400)
    expect(await status(`/v1/shape?${query}`, { method: 'DELETE' })).toBe(405)
    expect(await status(`/v1/nope?${query}`)).toBe(404)
    expect(await status(`/v1/shape?table=items&offset=0_0&handle=${secret}&secret=${secret}`)).toBe(409)
    await queryOnce(cluster.url, 'drop table items; create table items (id int primary key)')
    expect([200, 400, 409, 503]).toContain(await status(`/v1/shape?${query}&where=id > 1`))
    engine.child.kill('SIGTERM')
    expect(await engine.ended).toBe(0)
  } finally {
    engine.child.kill('SIGKILL')
  }
  expect(engine.err()).toContain('unknown settings, without effect: ELECTRIC_NONSENSE')
  expect(engine.err()).toContain('ELECTRIC_STORAGE has no effect')
  for (const word of [secret, 'hush-hush', 'fast_file']) expect(engine.err()).not.toContain(word)
})

test('E10 without a secret, or with a database that is none, it ends with every reason and its remedy', async () => {
  const engine = start({ DATABASE_URL: 'nonsense', ELECTRIC_PORT: 'x' })
  expect(await engine.ended).toBe(2)
  for (const name of ['DATABASE_URL', 'ELECTRIC_PORT', 'ELECTRIC_SECRET, ELECTRIC_INSECURE'])
    expect(engine.err()).toContain(`  ${name}: `)
  expect(engine.err().match(/→/g)).toHaveLength(3)
})

test('a slot of another database ends it with the remedy', async () => {
  await queryOnce(cluster.url, 'create database other')
  const engine = start(environment({ DATABASE_URL: cluster.url.replace(/\/[^/]+$/, '/other') }))
  expect(await engine.ended).toBe(1)
  expect(engine.err()).toContain('belongs to the database')
  expect(engine.err()).toContain('ELECTRIC_REPLICATION_STREAM_ID')
})
