// How far everything on disk goes, and of which database it is. Written before the slot is told, so that the slot is
// never ahead of this file unless someone else moved it. Two files in turn: a torn write leaves the other one whole.
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Reach } from '../crash-point.ts'

/** The database that a storage folder belongs to. */
export interface Origin {
  readonly system: string
  readonly timeline: string
  readonly database: string
  readonly slot: string
  /** Oid of the publication; absent in files of earlier versions. */
  readonly publication?: string
}

export interface Position {
  readonly origin: Origin
  readonly lsn: bigint
  /** Transactions in the logs that may not yet be visible to a new snapshot, with the tables they changed. */
  readonly unproven: readonly (readonly [xid: number, tables: readonly number[]])[]
}

export interface PositionFile {
  /** The last position, or null in a new folder. */
  readonly last: Position | null
  write(position: Position): Promise<void>
}

const parse = (text: string): { sequence: number; position: Position } | null => {
  const space = text.indexOf(' ')
  const json = text.slice(space + 1).trimEnd()
  if (space < 0 || Number.parseInt(text.slice(0, space), 16) !== crc32(json)) return null
  const { sequence, lsn, ...rest } = JSON.parse(json) as Omit<Position, 'lsn'> & { sequence: number; lsn: string }
  return { sequence, position: { ...rest, lsn: BigInt(lsn) } }
}

/** Opens the position of the storage folder `folder`. */
export const openPositionFile = async (folder: string, reach: Reach): Promise<PositionFile> => {
  const paths = ['position.0', 'position.1'].map(name => join(folder, name))
  const found = await Promise.all(
    paths.map(path =>
      readFile(path, 'utf8').then(parse, (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw error
      }),
    ),
  )
  const newest = found.filter(entry => entry !== null).sort((a, b) => b.sequence - a.sequence)[0]
  let sequence = newest?.sequence ?? 0
  let last = newest?.position ?? null
  return {
    get last() {
      return last
    },
    write: async position => {
      reach('position.before-write')
      // Counted only when it is there: a failed attempt is repeated in the same file and leaves the other one whole.
      const next = sequence + 1
      const json = JSON.stringify({ sequence: next, ...position, lsn: String(position.lsn) })
      const file = await open(paths[next % 2] ?? '', 'w')
      try {
        reach('position.before-sync')
        await file.writeFile(`${crc32(json).toString(16)} ${json}\n`)
        await file.datasync()
      } finally {
        await file.close()
      }
      sequence = next
      last = position
      reach('position.after-sync')
    },
  }
}
