// The command line of the engine alone: the doctor, and metrics on a port of their own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { uniqueId } from '../testing/engine.ts'

const script = fileURLToPath(new URL('cli.ts', import.meta.url))
let database: TestDatabase
let folder: string
let id: string
const children: ChildProcess[] = []

beforeEach(async () => {
  database = await emptyDatabase()
  folder = mkdtempSync(join(tmpdir(), 'skerry-cli-'))
  id = uniqueId()
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    const ended = new Promise(done => child.once('exit', done))
    if (child.exitCode === null && child.kill('SIGTERM')) await ended
  }
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

const run = (args: readonly string[]) => {
  const given = ['--database-url', database.url, '--storage-dir', folder, '--replication-id', id]
  const { ELECTRIC_SECRET: _secret, ELECTRIC_INSECURE: _insecure, ...env } = process.env
  const child = spawn(process.execPath, [script, ...args, ...given], { env })
  children.push(child)
  let out = ''
  child.stdout.on('data', piece => (out += String(piece)))
  child.stderr.on('data', piece => (out += String(piece)))
  return { out: () => out, ended: new Promise<number | null>(done => child.once('exit', done)) }
}

test('the doctor needs no secret, says what is in the way, and its exit code tells', async () => {
  const fit = run(['doctor'])
  expect(await fit.ended).toBe(0)
  expect(fit.out()).toContain(`skerry_slot_${id} will be made by the first start`)
  const manual = run(['doctor', '--manual'])
  expect(await manual.ended).toBe(1)
  expect(manual.out()).toContain(
    `→ run CREATE PUBLICATION "electric_publication_${id}" FOR TABLE items, comments with the tables`,
  )
})

test('metrics have a port of their own', async () => {
  const engine = run(['--insecure', '--port', '0', '--host', '127.0.0.1', '--metrics-port', '0'])
  await until('it streams', () => engine.out().includes('"streaming"'))
  const port = /"message":"metrics","port":(\d+)/.exec(engine.out())?.[1]
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  expect(answer.status).toBe(200)
  expect(await answer.text()).toMatch(/^skerry_sync_active 1$/m)
  expect((await fetch(`http://127.0.0.1:${port}/v1/shape?table=items&offset=-1`)).status).toBe(404)
})

test('a port of the metrics that is taken is said with its setting and a remedy', async () => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const engine = run(['--insecure', '--port', '0', '--host', '127.0.0.1', '--metrics-port', String(port)])
  expect(await engine.ended).toBe(2)
  taken.close()
  expect(engine.out()).toMatch(/ {2}--metrics-port: \d+ is in use already on 127\.0\.0\.1\n {4}→ .+\n/)
  expect(engine.out()).not.toContain('EADDRINUSE')
})
