// A pg client that prepares the statements it sees often: Postgres then parses and plans each once per connection
// instead of at every call. Statements are sent as soon as they are asked for (pipelined), in order.
import type { Duplex } from 'node:stream'
import pg from 'pg'

/** Texts that get a name; a plan of a wide statement takes tens of kilobytes in each connection. */
const maxNames = 300
const maxLength = 8192
/** Texts that were seen once or twice; forgotten together when there are too many. */
const maxSeen = 5000
const seenBeforeNaming = 3

/** Decides which statements are prepared. One per process: names have to mean the same on every connection. */
export const createNames = (): ((text: string) => string | undefined) => {
  const names = new Map<string, string>()
  const seen = new Map<string, number>()
  return text => {
    const known = names.get(text)
    if (known !== undefined || names.size >= maxNames || text.length > maxLength) return known
    const times = (seen.get(text) ?? 0) + 1
    if (times < seenBeforeNaming) {
      if (seen.size >= maxSeen) seen.clear()
      seen.set(text, times)
      return undefined
    }
    seen.delete(text)
    const name = `skerry_${names.size}`
    names.set(text, name)
    return name
  }
}

const nameOf = createNames()

/** What Pool makes instead of pg's own client. */
export class PreparingClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(typeof config === 'object' ? { ...config, pipeline: true } : { connectionString: config, pipeline: true })
  }

  /** Statements of one turn of the event loop go out in one write: a write costs more than what is in it. */
  #gather(): void {
    const { stream } = (this as unknown as { connection: { stream: Duplex } }).connection
    if (stream.writableCorked > 0) return
    stream.cork()
    process.nextTick(() => stream.uncork())
  }

  // @ts-expect-error -- narrower than pg's list of overloads: every caller here passes text and values
  override query(text: unknown, values?: unknown, callback?: unknown): unknown {
    this.#gather()
    const send = super.query.bind(this) as (...args: unknown[]) => unknown
    if (typeof text !== 'string' || !Array.isArray(values)) return send(text, values, callback)
    const name = nameOf(text)
    return name === undefined ? send(text, values, callback) : send({ name, text, values }, callback)
  }
}
