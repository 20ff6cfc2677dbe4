// Which shapes exist, on disk: an append-only list of JSON lines with checksums, rewritten without its dead entries
// when it is opened. A shape counts from its `complete` line on; a `retire` line is final and durable before anyone
// is told, so that a handle that was refused once never comes back.
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { passThrough, type Reach } from '../crash-point.ts'
import type { PgSnapshot } from '../protocol.ts'
import type { ShapeDefinition } from './definition.ts'
import { syncFolder } from './folder.ts'
import type { ChunkSeal } from './snapshot-files.ts'

/** A shape whose snapshot is complete. */
export interface CatalogEntry {
  readonly handle: string
  readonly definition: ShapeDefinition
  readonly sources: readonly number[]
  /** See `Table.publishedAs`; absent in entries of earlier versions. */
  readonly publishedAs?: string
  readonly snapshot: PgSnapshot
  /** See `SnapshotFilter.until`. */
  readonly until: bigint
  readonly chunks: readonly ChunkSeal[]
}

export interface ShapeCatalog {
  readonly entries: readonly CatalogEntry[]
  complete(entry: CatalogEntry): void
  retire(handle: string): void
  /** Makes every earlier call durable. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A catalog entry as JSON: integers that may be large are strings. */
interface StoredEntry extends Omit<CatalogEntry, 'snapshot' | 'until'> {
  readonly snapshot: { readonly xmin: string; readonly xmax: string; readonly xip: readonly string[] }
  readonly until: string
}

type Line = { readonly complete: StoredEntry } | { readonly retire: string }

const store = ({ snapshot, until, ...rest }: CatalogEntry): StoredEntry => ({
  ...rest,
  snapshot: { xmin: String(snapshot.xmin), xmax: String(snapshot.xmax), xip: snapshot.xip.map(String) },
  until: String(until),
})

const load = ({ snapshot, until, definition, ...rest }: StoredEntry): CatalogEntry => ({
  ...rest,
  // Entries from before there were subqueries have none.
  definition: { ...definition, inner: definition.inner ?? [] },
  snapshot: { xmin: BigInt(snapshot.xmin), xmax: BigInt(snapshot.xmax), xip: snapshot.xip.map(BigInt) },
  until: BigInt(until),
})

const write = (line: Line) => {
  const json = JSON.stringify(line)
  return `${crc32(json).toString(16)} ${json}\n`
}

const parse = (text: string): Line | null => {
  const space = text.indexOf(' ')
  const json = text.slice(space + 1)
  return space >= 0 && Number.parseInt(text.slice(0, space), 16) === crc32(json) ? (JSON.parse(json) as Line) : null
}

/** The living entries of a catalog's text; none when it is damaged elsewhere than in its last line. */
const readEntries = (text: string): CatalogEntry[] => {
  const living = new Map<string, CatalogEntry>()
  const lines = text.split('\n')
  for (const [index, raw] of lines.entries()) {
    if (raw === '') continue
    const line = parse(raw)
    // A broken line in the middle may have been a `retire`: no handle can be trusted any more.
    if (line === null) return index === lines.length - 1 ? [...living.values()] : []
    if ('complete' in line) living.set(line.complete.handle, load(line.complete))
    else living.delete(line.retire)
  }
  return [...living.values()]
}

/** Opens the catalog in `folder`. A torn last line is dropped; see `readEntries` for other damage. */
export const openCatalog = async (folder: string, reach: Reach = passThrough): Promise<ShapeCatalog> => {
  const path = join(folder, 'shapes.jsonl')
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const entries = readEntries(text)
  const next = `${path}.next`
  let file: FileHandle = await open(next, 'w')
  // Up to here the file is durable; what comes after it is in `rest`.
  let durable = 0
  try {
    const text = Buffer.from(entries.map(entry => write({ complete: store(entry) })).join(''))
    await file.writeFile(text)
    await file.datasync()
    durable = text.length
  } finally {
    await file.close()
  }
  reach('catalog.before-rename')
  await rename(next, path)
  await syncFolder(folder)
  file = await open(path, 'a')

  let rest = ''
  let broken = false
  let syncing: Promise<void> = Promise.resolve()
  const flush = async () => {
    if (rest === '') return
    const text = rest
    reach('catalog.before-write')
    // After a failure nobody knows what of it is on disk, not even after a sync that works: it is written again.
    if (broken) await file.truncate(durable)
    broken = true
    await file.appendFile(text)
    reach('catalog.before-sync')
    await file.datasync()
    broken = false
    durable += Buffer.byteLength(text)
    rest = rest.slice(text.length)
    reach('catalog.after-sync')
  }
  return {
    entries,
    complete: entry => {
      rest += write({ complete: store(entry) })
    },
    retire: handle => {
      rest += write({ retire: handle })
    },
    sync: () => {
      syncing = syncing.catch(() => {}).then(flush)
      return syncing
    },
    close: async () => {
      await syncing.catch(() => {})
      await file.close()
    },
  }
}
