// Supervisor of the embedded PostgreSQL: the one process of a single-machine Skerry that is not node.
// Invariants: it never deletes data; it never runs two servers on one directory; a server that outlived its node
// (SIGKILL) is found and stopped cleanly; a postmaster that died without a word is started again.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { makeDataFolder } from '#server/kernel/data-folder.ts'
import { backoff, pause, type Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { chooseAccount, ownerOf, type RunAs } from './account.ts'
import { findBinaries, libraryEnvironment } from './binaries.ts'
import { type DirectoryLock, lockDirectory } from './lock.ts'
import { isOurPostmaster, readPostmaster } from './postmaster.ts'

export interface EmbeddedOptions {
  /** Parent of everything the server keeps: `<folder>/postgres` (cluster), `<folder>/postgres.log`. */
  readonly folder: string
  readonly log: Log
  /** 18 unless a test asks for the oldest supported one. */
  readonly major?: number
  /** More `name=value` settings for the server; they win over ours. */
  readonly settings?: Readonly<Record<string, string>>
  /** false only in tests: no fsync, neither in initdb nor later. */
  readonly durable?: boolean
  readonly startDeadlineMs?: number
  /** A fixed port; absent: a free one, chosen at the first start and kept while this object lives. */
  readonly port?: number
}

const settingsFor = (options: EmbeddedOptions): Record<string, string> => ({
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_slot_wal_keep_size: '4GB',
  max_connections: '200',
  shared_buffers: '256MB',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  ...(options.durable === false ? { fsync: 'off', full_page_writes: 'off', shared_buffers: '64MB' } : {}),
  ...options.settings,
})

const freePort = async (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? done(address.port) : fail(new Error('no port'))))
    })
  })

/** Has a server kept its data in `folder`? */
export const hasCluster = (folder: string): boolean => existsSync(join(resolve(folder), 'postgres', 'PG_VERSION'))

/**
 * The address of the server that a running Skerry keeps on `folder`, or undefined when none runs: for the command line
 * beside a running server.
 */
export const runningUrl = (folder: string): string | undefined => {
  const dataDir = join(resolve(folder), 'postgres')
  const found = readPostmaster(dataDir)
  if (!found?.ready || !isOurPostmaster(found.pid, dataDir)) return undefined
  const password = readFileSync(join(resolve(folder), 'postgres.password'), 'utf8').trim()
  return `postgres://skerry:${password}@127.0.0.1:${found.port}/skerry`
}

/** See the header. `start` resolves when queries are answered; `url` is valid from then on. */
export class EmbeddedPostgres implements Service {
  readonly name = 'postgres'
  readonly #options: EmbeddedOptions
  readonly #folder: string
  readonly #dataDir: string
  #runAs: RunAs = { account: undefined, prefix: [] }
  #environment: Record<string, string> = {}
  #lock: DirectoryLock | undefined
  #child: ChildProcess | undefined
  #port = 0
  #password = ''
  #stopping = false
  /** False while a server is being started: its end is then the starter's business, not that of `#onExit`. */
  #ready = false

  constructor(options: EmbeddedOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
    this.#dataDir = join(this.#folder, 'postgres')
  }

  get url(): string {
    if (this.#port === 0) throw new Error('the embedded PostgreSQL has not been started')
    return `postgres://skerry:${this.#password}@127.0.0.1:${this.#port}/skerry`
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    this.#stopping = false
    makeDataFolder(this.#folder)
    this.#lock = lockDirectory(this.#folder)
    try {
      const binaries = findBinaries(this.#options.major)
      this.#runAs = chooseAccount([binaries.root, this.#folder])
      this.#environment = libraryEnvironment(binaries, join(this.#folder, 'postgres-lib'))
      this.#password = this.#keptPassword()
      await this.#stopOrphan()
      this.#initialise()
      this.#port ||= this.#options.port ?? (await freePort())
      await this.#launch()
      await this.#createDatabase()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    const child = this.#child
    this.#child = undefined
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>(done => child.once('exit', () => done()))
      child.kill('SIGINT')
      await ended
    }
    this.#lock?.release()
    this.#lock = undefined
  }

  /** The password of the superuser, made once and kept beside the cluster, readable by its owner only. */
  #keptPassword(): string {
    const file = join(this.#folder, 'postgres.password')
    if (existsSync(file)) return readFileSync(file, 'utf8').trim()
    const password = randomBytes(24).toString('base64url')
    writeFileSync(file, password, { mode: 0o600, flag: 'wx' })
    return password
  }

  /** A server that outlived its supervisor holds the directory: ask it to stop and wait. Stale files are removed. */
  async #stopOrphan(): Promise<void> {
    const deadline = Date.now() + (this.#options.startDeadlineMs ?? 60_000)
    let asked = false
    for (;;) {
      const found = readPostmaster(this.#dataDir)
      if (!found) return
      if (!isOurPostmaster(found.pid, this.#dataDir)) {
        this.#options.log.warn('removing a stale postmaster.pid', { pid: found.pid })
        rmSync(join(this.#dataDir, 'postmaster.pid'), { force: true })
        return
      }
      if (!asked) {
        this.#options.log.warn('stopping a PostgreSQL left by an earlier process', { pid: found.pid })
        process.kill(found.pid, 'SIGINT')
        asked = true
      }
      if (Date.now() > deadline) {
        throw new Error(`PostgreSQL (pid ${found.pid}) on ${this.#dataDir} does not stop; stop it by hand.`)
      }
      await pause(20)
    }
  }

  #run(program: string, args: readonly string[]): { status: number | null; output: string } {
    const [command, ...before] = [...this.#runAs.prefix, program]
    const result = spawnSync(command, [...before, ...args], {
      env: { ...process.env, ...this.#environment, LC_ALL: 'C' },
      cwd: this.#folder,
      encoding: 'utf8',
      ...this.#runAs.account,
    })
    return { status: result.status, output: `${result.stderr ?? ''}${result.error?.message ?? ''}`.trim() }
  }

  #initialise(): void {
    if (existsSync(join(this.#dataDir, 'PG_VERSION'))) {
      const version = readFileSync(join(this.#dataDir, 'PG_VERSION'), 'utf8').trim()
      const wanted = String(this.#options.major ?? 18)
      if (version !== wanted) {
        throw new Error(
          `${this.#dataDir} was made by PostgreSQL ${version}; this Skerry embeds ${wanted}. ` +
            'Export with the Skerry that made it and import here, or serve it yourself and set DATABASE_URL.',
        )
      }
      return
    }
    mkdirSync(this.#dataDir, { recursive: true, mode: 0o700 })
    const owner = ownerOf(this.#runAs)
    if (owner) chownSync(this.#dataDir, owner.uid, owner.gid)
    chmodSync(this.#dataDir, 0o700)
    const passwordFile = join(this.#folder, 'initdb.password')
    writeFileSync(passwordFile, this.#password, { mode: 0o600 })
    if (owner) chownSync(passwordFile, owner.uid, owner.gid)
    try {
      const { status, output } = this.#run(findBinaries(this.#options.major).initdb, [
        `--pgdata=${this.#dataDir}`,
        '--username=skerry',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C.UTF-8',
        ...(this.#options.durable === false ? ['--no-sync'] : []),
      ])
      if (status !== 0) throw new Error(`initdb failed on ${this.#dataDir}: ${output}`)
    } finally {
      rmSync(passwordFile, { force: true })
    }
  }

  async #launch(): Promise<void> {
    this.#ready = false
    const settings = settingsFor(this.#options)
    const args = ['-D', this.#dataDir, '-p', String(this.#port)]
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
    const [command, ...before] = [...this.#runAs.prefix, findBinaries(this.#options.major).postgres]
    const logFile = join(this.#folder, 'postgres.log')
    const output = openSync(logFile, 'a', 0o600)
    // detached: a Ctrl-C in the terminal is ours to answer, after the application has drained
    const child = spawn(command, [...before, ...args], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...this.#environment },
      cwd: this.#folder,
      ...this.#runAs.account,
    })
    closeSync(output)
    this.#child = child
    child.once('exit', (code, signal) => this.#onExit(child, code, signal))
    child.once('error', error => this.#options.log.error('PostgreSQL could not be started', { error }))
    await this.#untilReady(child, logFile)
    this.#ready = true
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#stopping || this.#child !== child || !this.#ready) return
    this.#options.log.error('PostgreSQL ended by itself; starting it again', { code, signal })
    void this.#relaunch()
  }

  async #relaunch(): Promise<void> {
    for (let attempt = 0; !this.#stopping; attempt += 1) {
      try {
        await this.#stopOrphan()
        await this.#launch()
        this.#options.log.info('PostgreSQL is back', { attempt })
        return
      } catch (error) {
        this.#options.log.error('PostgreSQL did not come back', { attempt, error })
        await pause(backoff(attempt, 200, 10_000))
      }
    }
  }

  async #untilReady(child: ChildProcess, logFile: string): Promise<void> {
    const deadline = Date.now() + (this.#options.startDeadlineMs ?? 60_000)
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n')
        const how = Date.now() > deadline ? 'is not ready in time' : 'ended while starting'
        throw new Error(`PostgreSQL ${how} (log: ${logFile}):\n${tail}`)
      }
      const found = readPostmaster(this.#dataDir)
      if (found?.ready && found.port === this.#port) return
      await pause(5)
    }
  }

  async #createDatabase(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url.replace(/\/skerry$/, '/postgres') })
    client.on('error', error => this.#options.log.warn('the first connection was lost', { error }))
    await client.connect()
    try {
      const { rowCount } = await client.query("select 1 from pg_database where datname = 'skerry'")
      if (rowCount === 0) await client.query('create database skerry')
    } finally {
      await client.end()
    }
  }
}
