// The supervisor against real servers: fresh and existing directories, kills at every level, two at once.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { queryOnce } from '#server/testing/postgres-query.ts'
import { EmbeddedPostgres } from './postgres.ts'

let folder = ''
const opened: EmbeddedPostgres[] = []

const server = (settings: Record<string, string> = {}): EmbeddedPostgres => {
  const made = new EmbeddedPostgres({ folder, log: silentLog, durable: false, settings })
  opened.push(made)
  return made
}

const answers = (url: string) =>
  queryOnce(url, 'select 1').then(
    () => true,
    () => false,
  )

const eventually = async (what: string, check: () => Promise<boolean>) => {
  const deadline = Date.now() + 30_000
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`)
    await pause(20)
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-embedded-'))
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('a fresh directory gets a cluster, an existing one keeps its data and password', async () => {
  const first = server()
  await first.start()
  await queryOnce(first.url, 'create table kept (n int); insert into kept values (7)')
  const url = first.url
  await first.stop()
  expect(existsSync(join(folder, 'postgres', 'postmaster.pid'))).toBe(false)
  const second = server()
  await second.start()
  expect(second.url.split('@')[0]).toBe(url.split('@')[0])
  expect((await queryOnce(second.url, 'select n from kept')).rows).toEqual([{ n: 7 }])
})

test('fsync stays on unless a test says otherwise', async () => {
  const durable = new EmbeddedPostgres({ folder, log: silentLog })
  opened.push(durable)
  await durable.start()
  const { rows } = await queryOnce(
    durable.url,
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'wal_level') order by 1",
  )
  expect(rows.map(row => (row as { setting: string }).setting)).toEqual(['on', 'on', 'logical'])
})

test('a second server on the same directory says so and leaves the first alone', async () => {
  const first = server()
  await first.start()
  const script = `import { EmbeddedPostgres } from ${JSON.stringify(new URL('./postgres.ts', import.meta.url).href)}
    import { silentLog } from ${JSON.stringify(new URL('../kernel/log.ts', import.meta.url).href)}
    new EmbeddedPostgres({ folder: ${JSON.stringify(folder)}, log: silentLog }).start().catch(e => { process.stderr.write(e.message); process.exit(3) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', piece => (text += String(piece)))
  const code = await new Promise(done => child.once('exit', done))
  expect(code).toBe(3)
  expect(text).toContain('Another Skerry is running')
  expect(await answers(first.url)).toBe(true)
})

test('SIGKILL of the supervisor leaves an orphan that the next one finds, stops and replaces', async () => {
  const script = `import { EmbeddedPostgres } from ${JSON.stringify(new URL('./postgres.ts', import.meta.url).href)}
    import { silentLog } from ${JSON.stringify(new URL('../kernel/log.ts', import.meta.url).href)}
    const it = new EmbeddedPostgres({ folder: ${JSON.stringify(folder)}, log: silentLog, durable: false })
    await it.start(); process.stdout.write(it.url + ' ' + it.pid); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await new Promise<string>(done => child.stdout.once('data', piece => done(String(piece))))
  const [url, pid] = line.split(' ')
  await queryOnce(must(url), 'create table kept (n int); insert into kept values (1)')
  child.kill('SIGKILL')
  await new Promise(done => child.once('exit', done))
  expect(await answers(must(url))).toBe(true)
  const next = server()
  await next.start()
  expect((await queryOnce(next.url, 'select n from kept')).rows).toEqual([{ n: 1 }])
  expect(next.pid).not.toBe(Number(pid))
})

test('SIGKILL of the postmaster: the supervisor starts it again on the same address', async () => {
  const one = server()
  await one.start()
  const { url } = one
  await queryOnce(url, 'create table kept (n int); insert into kept values (1)')
  process.kill(must(one.pid), 'SIGKILL')
  await eventually('down', async () => !(await answers(url)))
  await eventually('up again', () => answers(url))
  expect((await queryOnce(url, 'select n from kept')).rows).toEqual([{ n: 1 }])
})

test('a stale pid file that names a stranger is removed, the stranger is not touched', async () => {
  const first = server()
  await first.start()
  await first.stop()
  const stranger = spawn('sleep', ['60'])
  const pidFile = join(folder, 'postgres', 'postmaster.pid')
  writeFileSync(pidFile, `${must(stranger.pid)}\n${join(folder, 'postgres')}\n0\n5432\n\n\n\nready\n`)
  const second = server()
  await second.start()
  expect(stranger.exitCode).toBeNull()
  expect(readFileSync(pidFile, 'utf8').split('\n')[0]).toBe(String(second.pid))
  stranger.kill('SIGKILL')
})

test('a directory of another major version is refused with the remedy and left as it is', async () => {
  const first = server()
  await first.start()
  await first.stop()
  writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '15\n')
  await expect(server().start()).rejects.toThrow(/made by PostgreSQL 15.*DATABASE_URL/s)
  expect(readFileSync(join(folder, 'postgres', 'PG_VERSION'), 'utf8')).toBe('15\n')
})

test('a setting that PostgreSQL refuses fails with the tail of its log', async () => {
  await expect(server({ shared_buffers: 'banana' }).start()).rejects.toThrow(
    /ended while starting[\s\S]*shared_buffers/,
  )
})

test.runIf(process.getuid?.() === 0)('as root below a folder that is closed to everybody else', async () => {
  chmodSync(folder, 0o700)
  const inner = new EmbeddedPostgres({ folder: join(folder, 'data'), log: silentLog, durable: false })
  opened.push(inner)
  await inner.start()
  expect((await queryOnce(inner.url, 'select 1 as one')).rows).toEqual([{ one: 1 }])
  // data files belong to the account, which is not root
  expect(statSync(join(folder, 'data', 'postgres', 'PG_VERSION')).uid).not.toBe(0)
})
