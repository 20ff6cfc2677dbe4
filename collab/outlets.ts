// What goes out to clients. What the library says to a room goes to everybody there as the same bytes: its WebSocket frame
// is made once for all of them, and all that one turn of the event loop has for a client is one write.
import type { Duplex } from 'node:stream'
import type { WebSocketLike } from '@hocuspocus/server'
import type { WebSocket } from 'ws'
import { maxUnreadBytes } from './extensions/limits.ts'

const wholeBinary = 0x82

/** `message` as the one frame of a binary message from a server: not masked, not compressed (RFC 6455 §5.2). */
export const frameOf = (message: Uint8Array): Buffer => {
  const { length } = message
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = wholeBinary
  if (header === 2) frame[1] = length
  else if (header === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.set(message, header)
  return frame
}

/**
 * Makes the library's side of sockets: `ws` over `stream`, which must not compress. The frames go past `ws`, whose own ones (pings,
 * the goodbye) stand in the same stream, in order: it keeps none back.
 */
export const createOutlets = (): ((ws: WebSocket, stream: Duplex) => WebSocketLike) => {
  const corked = new Set<Duplex>()
  /** What was framed last; those who get the same get it one after the other. */
  let last: { readonly message: Uint8Array; readonly frame: Buffer } | undefined
  const endTurn = (): void => {
    last = undefined
    for (const stream of corked) stream.uncork()
    corked.clear()
  }
  const cork = (stream: Duplex): void => {
    if (corked.has(stream)) return
    if (corked.size === 0) setImmediate(endTurn)
    corked.add(stream)
    stream.cork()
  }
  return (ws, stream) => ({
    send: data => {
      if (ws.readyState !== ws.OPEN) return
      // a reader who does not read must not fill our memory
      if (ws.bufferedAmount > maxUnreadBytes) return ws.terminate()
      const message = data as Uint8Array
      cork(stream)
      if (last?.message !== message) last = { message, frame: frameOf(message) }
      stream.write(last.frame)
    },
    close: (code, reason) => ws.close(code, reason),
    get readyState() {
      return ws.readyState
    },
  })
}
