// An engine in a child process that can be killed and started again on the same folder and port.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EngineOptions } from '../engine/engine.ts'
import { uniqueId } from './engine.ts'

/** As package.json starts it. */
const nodeFlags = ['--max-semi-space-size=4']

export interface EngineProcess {
  /** `http://…/v1/shape`; the same after every restart. */
  readonly url: string
  readonly origin: string
  readonly folder: string
  readonly replicationId: string
  /** Starts it, to die at `<point>:<n>` when given. Returns when it listens. */
  start(crash?: string): Promise<void>
  running(): boolean
  /** Of the process that runs; undefined when none does. */
  pid(): number | undefined
  /** SIGTERM; returns its exit code when it is gone. */
  end(): Promise<number | null>
  /** SIGKILL; returns when it is gone. */
  kill(): Promise<void>
  /** Waits until it is gone by itself, at most `ms`; false when it still runs. */
  died(ms: number): Promise<boolean>
  /** SIGKILL and removal of the folder. */
  destroy(): Promise<void>
}

const main = fileURLToPath(new URL('./engine-main.ts', import.meta.url))

/** A process for an engine on `databaseUrl`; not yet started. */
export const createEngineProcess = (
  databaseUrl: string,
  options: Partial<Omit<EngineOptions, 'log' | 'reach'>> = {},
): EngineProcess => {
  const folder = options.storageDir ?? mkdtempSync(join(tmpdir(), 'skerry-engine-'))
  // below the ports that outgoing connections take
  const port = 20_000 + Math.floor(Math.random() * 12_000)
  const replicationId = options.replicationId ?? uniqueId()
  const settings = {
    databaseUrl,
    storageDir: folder,
    publication: 'automatic',
    replicationId,
    allowDelete: true,
    port,
    ...options,
  }
  let child: ChildProcess | undefined
  let gone: Promise<unknown> = Promise.resolve()
  const origin = `http://127.0.0.1:${port}`
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null
  const kill = async () => {
    if (child === undefined || !running()) return
    child.kill('SIGKILL')
    await gone
  }
  return {
    url: `${origin}/v1/shape`,
    origin,
    folder,
    replicationId,
    running,
    pid: () => (running() ? child?.pid : undefined),
    start: async crash => {
      const started = spawn(process.execPath, [...nodeFlags, main], {
        env: { ...process.env, SKERRY_ENGINE: JSON.stringify(settings), SKERRY_CRASH: crash ?? '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      child = started
      gone = once(started, 'exit')
      await Promise.race([once(started.stdout, 'data'), gone])
    },
    end: async () => {
      child?.kill('SIGTERM')
      await gone
      return child?.exitCode ?? null
    },
    kill,
    died: async ms => {
      if (child === undefined || !running()) return true
      return Promise.race([
        gone.then(() => true),
        new Promise<boolean>(resolve => setTimeout(() => resolve(false), ms)),
      ])
    },
    destroy: async () => {
      await kill()
      if (options.storageDir === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
