// Answers onto sockets: heads as lists that are made once for all readers of the same answer, and bodies piece by piece,
// never faster than the reader takes them.
import type { ServerResponse } from 'node:http'
import type { ShapeResponse } from '../upstream.ts'

/** A text goes out together with the head; bytes are a second piece of the same write, which costs more than copying so few. */
const smallBytes = 16_384

/** What an answer looks like on the wire. */
interface Written {
  readonly head: readonly string[]
  readonly body: Uint8Array | string | undefined
}

const textOf = (body: Uint8Array): string => Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1')

const write = ({ headers, body }: ShapeResponse): Written => ({
  head: Object.entries(headers).flat(),
  body: body instanceof Uint8Array ? (body.length > smallBytes ? body : textOf(body)) : undefined,
})

const written = new WeakMap<ShapeResponse, Written>()

const writtenOf = (answer: ShapeResponse): Written => {
  if (answer.shared !== true) return write(answer)
  let known = written.get(answer)
  if (known === undefined) {
    known = write(answer)
    written.set(answer, known)
  }
  return known
}

/** True when more may be written to the reader; false when he has gone, or took nothing for `ms`. */
const drained = (response: ServerResponse, ms: number): Promise<boolean> =>
  new Promise(resolve => {
    const { socket } = response
    const finish = (more: boolean) => {
      clearTimeout(timer)
      socket?.removeListener('drain', onDrain)
      response.removeListener('close', onClose)
      resolve(more)
    }
    const onDrain = () => finish(true)
    const onClose = () => finish(false)
    const timer = setTimeout(onClose, ms)
    socket?.once('drain', onDrain)
    response.once('close', onClose)
    if (socket === null) finish(false)
  })

const lineEnd = Buffer.from('\r\n')

const chunks = new WeakMap<Uint8Array, Buffer>()

/** `piece` as a chunk of a body (RFC 9112 §7.1); made once for all who are sent the same. */
const chunkOf = (piece: Uint8Array): Buffer => {
  let chunk = chunks.get(piece)
  if (chunk === undefined) {
    chunk = Buffer.concat([Buffer.from(piece.length.toString(16)), lineEnd, piece, lineEnd])
    chunks.set(piece, chunk)
  }
  return chunk
}

/**
 * Writes pieces of a body whose head is out; false when the reader's buffer is full. Straight to his socket where the body
 * is chunked, because ServerResponse makes three pieces of each, and again for every reader.
 */
const writer = (response: ServerResponse): ((piece: Uint8Array) => boolean) => {
  const { socket } = response
  if (!response.chunkedEncoding || socket === null) return piece => !response.destroyed && response.write(piece)
  return piece => {
    if (response.destroyed || response.socket !== socket) return false
    // an empty chunk would end the body
    return piece.length === 0 || socket.write(chunkOf(piece))
  }
}

export interface SendOptions {
  /** Names and values that this answer has besides its own. */
  readonly more: readonly string[]
  readonly headOnly: boolean
  /** How long a reader may leave a written piece unread. */
  readonly timeoutMs: number
}

/** Writes `answer`; returns when all is out or the reader has gone. Rejects when the body does. */
export const send = async (
  response: ServerResponse,
  answer: ShapeResponse,
  { more, headOnly, timeoutMs }: SendOptions,
): Promise<void> => {
  const { body, direct } = answer
  const { head, body: whole } = writtenOf(answer)
  response.writeHead(answer.status, [...head, ...more])
  if (headOnly || body === null || body instanceof Uint8Array) {
    response.end(headOnly ? undefined : whole, 'latin1')
    return
  }
  response.flushHeaders()
  if (direct !== undefined) direct.write = writer(response)
  for await (const piece of body) {
    if (response.destroyed) return
    // An empty piece only says that what was written past the iteration has filled the reader's buffer.
    if (piece.length === 0 ? response.socket?.writableNeedDrain === false : response.write(piece)) continue
    // A reader that stalls must not keep the piece, nor whatever made it, for ever.
    if (!(await drained(response, timeoutMs))) response.destroy()
  }
  response.end()
}
