// The official client with everything it asked and got written down.
import {
  type ChangeMessage,
  type Message,
  type Offset,
  type Row,
  Shape,
  ShapeStream,
  type ShapeStreamInterface,
  type ShapeStreamOptions,
  isChangeMessage,
  isControlMessage,
} from '@electric-sql/client'
import { must } from '#server/kernel/must.ts'

/** Behind a snapshot; the client's type has no name for it. */
export const afterSnapshot = '0_inf' as string as Offset

/** One request of the client and the answer, as soon as its headers are there. */
export interface Exchange {
  readonly url: URL
  readonly method: string
  status?: number
  /** Length of the body; of answers that are read to the end. */
  bytes?: number
}

/** A `fetch` that writes down what goes through it. */
export const recordingFetch = (): { readonly fetch: typeof fetch; readonly exchanges: readonly Exchange[] } => {
  const exchanges: Exchange[] = []
  return {
    exchanges,
    fetch: async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input)
      const exchange: Exchange = { url, method: init?.method ?? 'GET' }
      exchanges.push(exchange)
      const response = await fetch(input, init)
      exchange.status = response.status
      if (response.headers.get('content-type')?.startsWith('application/json') === true) {
        const text = await response.clone().text()
        exchange.bytes = Buffer.byteLength(text)
      }
      return response
    },
  }
}

export interface Followed {
  readonly stream: ShapeStream
  readonly shape: Shape
  readonly abort: AbortController
  readonly exchanges: readonly Exchange[]
  readonly messages: readonly Message[]
  readonly errors: readonly Error[]
  /** Messages that are changes. */
  readonly changes: () => readonly ChangeMessage<Row>[]
  /** Names of the control messages, in order. */
  readonly controls: () => readonly string[]
  /** The rows, ordered by the JSON of their `id`. */
  readonly rows: () => readonly Row[]
}

const textOf = (row: Row): string => JSON.stringify(row['id'] ?? null)

/** A stream and a shape on it; `stop` aborts every one that was made. */
export const createFollowers = () => {
  const aborts: AbortController[] = []
  const follow = (options: ShapeStreamOptions): Followed => {
    const abort = new AbortController()
    aborts.push(abort)
    const messages: Message[] = []
    const errors: Error[] = []
    const recorded = recordingFetch()
    const stream = new ShapeStream({ fetchClient: recorded.fetch, signal: abort.signal, ...options })
    const shape = new Shape(stream as ShapeStreamInterface)
    stream.subscribe(
      batch => {
        messages.push(...batch)
      },
      error => errors.push(error),
    )
    return {
      stream,
      shape,
      abort,
      messages,
      errors,
      exchanges: recorded.exchanges,
      changes: () => messages.filter(isChangeMessage),
      controls: () => messages.filter(isControlMessage).map(message => must(message.headers.control, 'control')),
      rows: () => [...shape.currentRows].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1)),
    }
  }
  return {
    follow,
    stop: () => {
      for (const abort of aborts.splice(0)) abort.abort()
    },
  }
}
