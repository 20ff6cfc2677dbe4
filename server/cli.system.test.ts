// The command line and the server as processes: accounts, import beside a running server, verify, start and stop.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApi } from '#sync/client/api.ts'
import { pause } from '#server/kernel/lifecycle.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
let folder = ''

const environment = (more: Record<string, string> = {}) => ({
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
  DATA_DIR: join(folder, 'data'),
  PORT: '0',
  RATE_LIMITS: 'off',
  ...more,
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const skerry = (args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) =>
  new Promise<Ended>(done => {
    const child = spawn(process.execPath, ['server/cli.ts', ...args], { cwd: root, env: environment(options.env) })
    let out = ''
    let err = ''
    child.stdout.on('data', piece => (out += String(piece)))
    child.stderr.on('data', piece => (err += String(piece)))
    child.once('exit', code => done({ code, out, err }))
    child.stdin.end(options.input ?? '')
  })

type Started = Promise<{ child: ChildProcess; url: string; ended: Promise<number | null> }>

const started = async (command = process.execPath, args = ['server/cli.ts', 'start']): Started => {
  const child = spawn(command, args, { cwd: root, env: environment() })
  const ended = new Promise<number | null>(done => child.once('exit', code => done(code)))
  let out = ''
  child.stdout.on('data', piece => (out += String(piece)))
  child.stderr.resume()
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    const url = /(http:\S+)\/ready/.exec(out)?.[1]
    if (url) return { child, url, ended }
    await pause(10)
  }
  throw new Error(`the server did not start: ${out}`)
}

const password = 'granite-and-tide-9'

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('help is the usage, also behind a command, which does nothing then', async () => {
  const asked = [
    [['help'], 'skerry import backlog-md FOLDER'],
    [['start', '-h'], 'skerry start'],
    [['import', 'markdown', '--help'], '  --update '],
  ] as const
  for (const [args, text] of asked) {
    const { code, out, err } = await skerry(args)
    expect([args, code, err]).toEqual([args, 0, ''])
    expect(out).toContain(text)
  }
})

test('only what is there for it makes a database; the others say where they have looked', async () => {
  const { code, err } = await skerry(['user', 'disable', 'ann@example.com'])
  expect(code).toBe(1)
  expect(err).toContain(`There is no database in ${join(folder, 'data')} (DATA_DIR)`)
  const doctor = await skerry(['doctor'])
  expect(doctor.code).toBe(0)
  expect(doctor.out).toContain(`none in ${join(folder, 'data')} (DATA_DIR)`)
  expect(existsSync(join(folder, 'data'))).toBe(false)
  expect(await skerry(['migrate'])).toMatchObject({ code: 0 })
})

test('unknown words end with 2 and the usage, wrong settings with 1 and every problem at once', async () => {
  const unknown = await skerry(['fly'])
  expect(unknown).toMatchObject({ code: 2 })
  expect(unknown.err).toContain('There is no command fly')
  expect(unknown.err).toContain('skerry start')
  const wrong = await skerry(['start'], { env: { PORT: 'seven', LOG_LEVEL: 'loud' } })
  expect(wrong).toMatchObject({ code: 1 })
  expect(wrong.err).toMatch(/PORT[\s\S]*LOG_LEVEL|LOG_LEVEL[\s\S]*PORT/)
})

test('an account is made, an import runs beside the server, the counters verify, and the server stops in order', async () => {
  expect(await skerry(['user', 'create', 'ann@example.com', '--name', 'Ann'], { input: password })).toMatchObject({
    code: 0,
  })
  const twice = await skerry(['user', 'create', 'ann@example.com'], { input: password })
  expect(twice).toMatchObject({ code: 1 })
  expect(twice.err).toContain('email_taken')

  const alone = await skerry(['doctor'])
  expect([alone.code, alone.err]).toEqual([0, ''])
  expect(alone.out).toContain('skerry_slot_default will be made by the first start')

  const { child, url, ended } = await started()
  const beside = await skerry(['doctor'])
  expect(beside.out).toMatch(/slot +skerry_slot_default, read by process \d+ skerry-sync/)
  expect(beside.code).toBe(0)
  const api = createApi({ url })
  await api.login('ann@example.com', password)
  await api.post('/api/applications', { name: 'Harbour' })
  const second = await skerry(['start'])
  expect(second).toMatchObject({ code: 1 })
  expect(second.err).toMatch(/^The settings cannot be used:\n {2}DATA_DIR: Another Skerry is running on /)
  if (process.platform === 'linux') expect(second.err).toContain(`(pid ${child.pid})`)
  const elsewhere = join(folder, 'elsewhere')
  const squeezed = await skerry(['start'], { env: { DATA_DIR: elsewhere, PORT: new URL(url).port } })
  expect([squeezed.code, existsSync(elsewhere)]).toEqual([1, false])
  expect(squeezed.err).toMatch(/^The settings cannot be used:\n {2}PORT: \d+ is in use already.*\n {4}→ .+\n$/)

  const astray = await skerry(['export', 'markdown', 'x', '--application', 'Haven'])
  expect(astray).toMatchObject({ code: 1 })
  expect(astray.err).toMatch(
    /There is no application "Haven" in the database of .* There are:\n {2}\S{36} {2}Harbour\n$/,
  )

  const backlog = ['import', 'backlog-md', 'e2e/data/skerry-backlog', '--application', 'Harbour']
  const first = await skerry([...backlog, '--all-warnings'])
  expect(first.out).toContain('62 tasks created, 0 there already, 0 failed')
  expect(first.out).toContain('2 docs and decisions became documents')
  expect((await skerry(backlog)).out).toContain('0 tasks created, 62 there already, 0 failed')
  const out = join(folder, 'papers')
  const papers = ['export', 'markdown', out, '--application', 'Harbour', '--project', 'SKR']
  expect((await skerry(papers)).out).toContain('Exported 2 documents in 2 folders of Harbour')
  expect(await skerry(papers)).toMatchObject({ code: 1 })
  const back = ['import', 'markdown', out, '--application', 'Harbour']
  expect((await skerry(back)).out).toContain('2 documents created, 0 there already, 0 failed')
  expect((await skerry([...back, '--update'])).out).toContain('0 documents created, 0 updated, 2 unchanged, 0 failed')
  const verified = await skerry(['verify'])
  expect(verified).toMatchObject({ code: 0 })
  expect(verified.out).toMatch(/[1-9]\d* counters checked, 0 differ/)

  // ending the sessions from the command line reaches the running server
  expect(await skerry(['user', 'disable', 'ann@example.com'])).toMatchObject({ code: 0 })
  await expect(api.get('/api/applications')).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(await skerry(['user', 'enable', 'ann@example.com'])).toMatchObject({ code: 0 })
  await api.login('ann@example.com', password)
  const nobody = await skerry(['user', 'admin', 'nobody@example.com'])
  expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('There is no account nobody@example.com')])
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  // Ctrl-C below npm comes twice, and is no order to give up
  child.kill('SIGINT')
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('killed at any moment, the server starts again on the same data, and npm passes its signals on', async () => {
  const first = await started()
  first.child.kill('SIGKILL')
  await first.ended
  const second = await started('npm', ['start'])
  expect((await fetch(`${second.url}/ready`)).status).toBe(200)
  second.child.kill('SIGTERM')
  await second.ended
  await expect(fetch(`${second.url}/ready`)).rejects.toThrow()
  expect(existsSync(join(folder, 'data', 'postgres', 'postmaster.pid'))).toBe(false)
})

test('a server that is told to stop while it starts takes its PostgreSQL along', async () => {
  const fresh = join(folder, 'interrupted')
  const child = spawn(process.execPath, ['server/cli.ts', 'start'], {
    cwd: root,
    env: environment({ DATA_DIR: fresh }),
  })
  const ended = new Promise<unknown[]>(done => child.once('exit', (...how) => done(how)))
  let out = ''
  child.stdout.on('data', piece => (out += String(piece)))
  child.stderr.resume()
  const postmaster = join(fresh, 'postgres', 'postmaster.pid')
  const pidIn = () => (existsSync(postmaster) ? Number(readFileSync(postmaster, 'utf8').split('\n')[0]) : 0)
  const deadline = Date.now() + 60_000
  // before there is a log, the file is that of initdb's short servers, which come and go
  const isLaunched = () => existsSync(join(fresh, 'postgres.log')) && pidIn() > 0
  while (!isLaunched() && Date.now() < deadline) await pause(1)
  const pid = pidIn()
  child.kill('SIGTERM')
  try {
    expect(pid).toBeGreaterThan(0)
    expect(await ended).toEqual([0, null])
    expect(out).not.toContain('Skerry is ready')
    expect(existsSync(postmaster)).toBe(false)
  } finally {
    if (pid > 0 && pidIn() === pid) process.kill(pid, 'SIGINT')
  }
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
