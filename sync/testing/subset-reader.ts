// A reader of a changes-only shape that loads rows by subsets, as the official client does: what the log says about a row
// of a subset is dropped when the subset's snapshot contains the transaction. It reads and loads when it is told to.
import type { PgSnapshot } from '../engine/protocol.ts'
import { isVisible } from '../engine/shapes/pg-snapshot.ts'
import { ask, type Message, type Reply } from './http.ts'
import { createMoveState } from './move-state.ts'

type Row = Record<string, string | null>

export interface SubsetReader {
  readonly rows: ReadonlyMap<string, Row>
  /** Everything up to here has come. */
  readonly complete: bigint
  /** It has to start again. */
  readonly ended: boolean
  /** Reads the log to its end. */
  read(): Promise<void>
  /** Loads the rows with this condition; the log is read only up to where it was read last. */
  load(where: string): Promise<void>
}

interface Metadata {
  readonly xmin: string
  readonly xmax: string
  readonly xip_list: readonly string[]
  readonly database_lsn: string
}

interface Loaded {
  readonly snapshot: PgSnapshot
  readonly keys: ReadonlySet<string>
  readonly until: bigint
}

/** A reader at the present end of the shape, without rows. */
export const openSubsetReader = async (
  url: string,
  params: Readonly<Record<string, string>>,
): Promise<SubsetReader> => {
  const rows = new Map<string, Row>()
  const moves = createMoveState(rows)
  const loaded: Loaded[] = []
  const shape = { ...params, log: 'changes_only' }
  const first = await ask(url, { ...shape, offset: 'now' })
  const { handle } = first
  let { offset } = first
  let complete = 0n

  const contains = ({ snapshot, keys }: Loaded, key: string, txids: readonly number[]) =>
    keys.has(key) && txids.length > 0 && txids.every(xid => isVisible(xid, snapshot))
  const apply = ({ key, value, headers }: Message): void => {
    if (headers['event'] !== undefined) moves.event(headers)
    if (headers['control'] === 'up-to-date') complete = BigInt(String(headers['global_last_seen_lsn']))
    if (key === undefined) return
    const txids = (headers['txids'] as number[] | undefined) ?? []
    if (loaded.some(subset => contains(subset, key, txids))) return
    const { operation } = headers
    if (operation === 'delete') rows.delete(key)
    // A change of a row that was never loaded.
    else if (operation === 'update' && !rows.has(key)) return
    else rows.set(key, operation === 'insert' ? { ...value } : { ...rows.get(key), ...value })
    moves.change(key, headers)
  }
  let ended = false
  /** False when the shape has ended; anything else than an answer is an error. */
  const answered = ({ status, text }: Reply): boolean => {
    if (status !== 200 && status !== 409) throw new Error(`${status}: ${text}`)
    ended ||= status === 409
    return status === 200
  }
  return {
    rows,
    get complete() {
      return complete
    },
    get ended() {
      return ended
    },
    read: async () => {
      for (;;) {
        const reply = await ask(url, { ...shape, handle, offset })
        if (!answered(reply)) return
        for (const message of reply.messages) apply(message)
        ;({ offset } = reply)
        if (reply.headers.has('electric-up-to-date')) break
      }
      loaded.splice(0, loaded.length, ...loaded.filter(({ until }) => complete < until))
    },
    load: async where => {
      const reply = await ask(url, { ...shape, handle, offset, subset__where: where })
      if (!answered(reply)) return
      const { metadata, data } = reply.json as { metadata: Metadata; data: readonly Message[] }
      ;({ offset } = reply)
      loaded.push({
        snapshot: {
          xmin: BigInt(metadata.xmin),
          xmax: BigInt(metadata.xmax),
          xip: metadata.xip_list.map(BigInt),
        },
        keys: new Set(data.flatMap(({ key }) => (key === undefined ? [] : [key]))),
        until: BigInt(metadata.database_lsn),
      })
      for (const message of data) apply(message)
    },
  }
}
