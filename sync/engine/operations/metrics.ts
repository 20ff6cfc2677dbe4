// The engine's figures for Prometheus.
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Registry } from 'prom-client'
import { gauge } from '#server/kernel/metrics.ts'
import type { UpstreamHealth } from '../../upstream.ts'
import type { ReplicationStatus } from '../replication/status.ts'

/** What the figures are read from; an Engine has this shape. */
export interface Measured {
  health(): Promise<UpstreamHealth>
  shapeCount(): number
  changeCount(): number
  waiting(): number
  storageFailure(): string | undefined
  replicationStatus(): Promise<ReplicationStatus | undefined>
}

const states: readonly UpstreamHealth[] = ['active', 'waiting', 'starting']

/** Seconds for which the size of the storage folder counts as known: finding it out reads every file's entry. */
const sizeSeconds = 60

/** Bytes of all files below `folder`; what disappears meanwhile does not count. */
export const folderBytes = async (folder: string): Promise<number> => {
  let total = 0
  const entries = await opendir(folder).catch(() => undefined)
  if (!entries) return 0
  for await (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) total += await folderBytes(path)
    else total += (await stat(path).catch(() => undefined))?.size ?? 0
  }
  return total
}

const remembered = <Value>(read: () => Promise<Value>, seconds: number, now: () => number): (() => Promise<Value>) => {
  let value: Promise<Value> | undefined
  let until = 0
  return () => {
    if (value === undefined || now() >= until) {
      until = now() + seconds * 1000
      value = read()
    }
    return value
  }
}

/** Registers the figures of `engine`, whose files lie in `storageDir`. */
export const engineMetrics = (
  registry: Registry,
  engine: Measured,
  storageDir: string,
  now: () => number = Date.now,
): void => {
  const status = remembered(() => engine.replicationStatus(), 1, now)
  const bytes = remembered(() => folderBytes(storageDir), sizeSeconds, now)
  for (const state of states)
    gauge(registry, `skerry_sync_${state}`, `1 while the shape engine is ${state}.`, async () =>
      Number((await engine.health()) === state),
    )
  gauge(registry, 'skerry_sync_shapes', 'Shapes that live.', () => engine.shapeCount())
  gauge(registry, 'skerry_sync_changes', 'Items put into shapes since the process began.', () => engine.changeCount())
  gauge(registry, 'skerry_sync_waiting_requests', 'Requests that wait for a change.', () => engine.waiting())
  gauge(registry, 'skerry_sync_storage_bytes', 'Bytes of logs and snapshots, at most a minute old.', bytes)
  gauge(registry, 'skerry_sync_storage_unwritable', '1 while nothing can be stored and the stream waits.', () =>
    Number(engine.storageFailure() !== undefined),
  )
  gauge(
    registry,
    'skerry_sync_replication_lag_bytes',
    'Bytes of WAL that are not in the shapes yet.',
    async () => (await status())?.lag,
  )
  gauge(
    registry,
    'skerry_sync_retained_wal_bytes',
    'Bytes of WAL that the slot makes Postgres keep.',
    async () => (await status())?.retained,
  )
  gauge(registry, 'skerry_sync_slot_lost', '1 when the slot has lost its WAL.', async () => {
    const found = await status()
    return found && Number(found.walStatus === 'lost')
  })
}
