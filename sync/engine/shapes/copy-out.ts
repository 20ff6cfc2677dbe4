// What COPY sends, as bytes, in the same round trip as the statements before it: both go out at once, as two simple queries,
// since Postgres keeps the answers of one back until it has something to send for all of it.
// pg's parser makes an object and an event of every row; here rows are cut out of what the socket reads before that
// parser sees it. It still gets every other message, so that the client's own state stays what it would be.
import type { Connection, Submittable } from 'pg'
import { must } from '#server/kernel/must.ts'

const headBytes = 5
const copyData = 0x64
const readyForQuery = 0x5a

/** The socket is not read while more than this waits to be taken. */
const waitingLimit = 262_144

/** A row of text values, as pg's parser gives it. */
interface DataRow {
  readonly fields: readonly (string | null)[]
}

/** What pg calls on a query that it runs; its types know only `submit`. */
interface Running {
  handleRowDescription(): void
  handleDataRow(row: DataRow): void
  handleCommandComplete(): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

/**
 * Texts of statements, among them one row at most and then `COPY … TO STDOUT`, if there is one; for `client.query`. What
 * a text answers comes when it has run, whatever the next one waits for; the first error is that of all. Rows that
 * nobody takes hold the socket up: who does not want them calls `discard`.
 */
export class CopyOut implements Submittable, Running {
  readonly #texts: readonly string[]
  readonly #row = Promise.withResolvers<readonly (string | null)[]>()
  #connection: Connection | undefined
  /** pg's own listener to the socket, while this one stands before it. */
  #parse: ((bytes: Buffer) => void) | undefined
  /** The beginning of a message whose head is not whole. */
  #rest: Buffer | undefined
  /** How much of the current message is still to come. */
  #left = 0
  /** Whose it is. pg has no query any more once that has failed, and expects nothing but its end. */
  #for: 'rows' | 'pg' | 'nobody' = 'pg'
  /** Texts whose end has not come. */
  #open: number
  #pieces: Buffer[] = []
  #waiting = 0
  #over = false
  #failure: Error | undefined
  #discarded = false
  #wake: (() => void) | undefined

  constructor(...texts: readonly string[]) {
    this.#texts = texts
    this.#open = texts.length
    this.#row.promise.catch(() => {})
  }

  /** The row before the COPY. Rejects with what Postgres, or the connection, says. */
  get row(): Promise<readonly (string | null)[]> {
    return this.#row.promise
  }

  /** Whether everything has come: the connection is free again. */
  get over(): boolean {
    return this.#over
  }

  submit(connection: Connection): void {
    this.#connection = connection
    const { stream } = connection
    const [parse, ...others] = stream.listeners('data') as ((bytes: Buffer) => void)[]
    if (others.length > 0) throw new Error('someone else reads the connection')
    this.#parse = must(parse, "pg's listener")
    stream.off('data', this.#parse)
    stream.on('data', this.#onData)
    // one packet
    stream.cork()
    for (const text of this.#texts) connection.query(text)
    stream.uncork()
  }

  /** Drops the rows that are there and those to come. */
  discard(): void {
    this.#discarded = true
    this.#pieces = []
    this.#waiting = 0
    this.#resume()
  }

  /** The rows as COPY text, cut anywhere; only once. Leaving early discards the others. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      for (;;) {
        const piece = this.#pieces.shift()
        if (piece !== undefined) {
          this.#waiting -= piece.length
          if (this.#waiting <= waitingLimit) this.#resume()
          yield piece
        } else if (this.#failure !== undefined) throw this.#failure
        else if (this.#over) return
        else
          await new Promise<void>(wake => {
            this.#wake = wake
          })
      }
    } finally {
      this.discard()
    }
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: DataRow): void {
    this.#row.resolve(fields)
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {}

  handleError(error: Error): void {
    this.#failure ??= error
    this.#row.reject(error)
    this.#wake?.()
  }

  #end(): void {
    this.#over = true
    this.#row.reject(new Error('there was no row'))
    this.#wake?.()
  }

  #resume(): void {
    const stream = this.#connection?.stream
    // also when the next query is another's: nobody else pauses the socket
    if (stream?.isPaused() === true) stream.resume()
  }

  readonly #onData = (read: Buffer): void => {
    const bytes = this.#rest === undefined ? read : Buffer.concat([this.#rest, read])
    this.#rest = undefined
    const parse = must(this.#parse)
    /** Up to here `bytes` are rows; they are moved together in place. */
    let rows = 0
    for (let at = 0; at < bytes.length; ) {
      const begin = at
      if (this.#left === 0) {
        if (bytes.length - at < headBytes) {
          this.#rest = bytes.subarray(at)
          break
        }
        const kind = bytes[at]
        if (kind === readyForQuery && --this.#open === 0) {
          this.#keep(bytes.subarray(0, rows))
          this.#end()
          // First: what pg does next may be to run another of these.
          const stream = must(this.#connection).stream
          stream.off('data', this.#onData)
          stream.on('data', parse)
          this.#parse = undefined
          parse(bytes.subarray(at))
          return
        }
        if (this.#failure !== undefined || kind === readyForQuery) this.#for = 'nobody'
        else this.#for = kind === copyData ? 'rows' : 'pg'
        this.#left = bytes.readUInt32BE(at + 1) + 1 - headBytes
        at += headBytes
      }
      const end = Math.min(bytes.length, at + this.#left)
      this.#left -= end - at
      if (this.#for === 'pg') parse(bytes.subarray(begin, end))
      else if (this.#for === 'rows') {
        bytes.copyWithin(rows, at, end)
        rows += end - at
      }
      at = end
    }
    this.#keep(bytes.subarray(0, rows))
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0 || this.#discarded) return
    this.#pieces.push(piece)
    this.#waiting += piece.length
    if (this.#waiting > waitingLimit) this.#connection?.stream.pause()
    this.#wake?.()
  }
}
