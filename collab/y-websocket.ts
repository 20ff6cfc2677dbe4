// Plain y-websocket clients in the same documents: they open /collab/<room> with the token among the protocols, and this
// translates their frames. Hocuspocus puts the room's name before each frame, authenticates by message, and has some
// kinds of message that these clients do not know.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { WebSocketLike } from '@hocuspocus/server'
import { type Closing, closingOf, closings } from './closing.ts'
import { kinds } from './frames.ts'

/** The protocol that the server chooses; the other one that the client offers is its token. */
export const subprotocol = 'skerry'

const auth = { token: 0, denied: 1 } as const
const path = '/collab/'

/** The room of a path such as /collab/document:<id>; undefined for /collab itself, where the room is in each frame. */
export const roomInPath = (pathname: string): string | undefined => {
  if (!pathname.startsWith(path)) return undefined
  try {
    return decodeURIComponent(pathname.slice(path.length))
  } catch {
    return ''
  }
}

/** The token among the offered protocols; '' without one, and then the cookie counts. */
export const tokenIn = (protocols: string | undefined): string =>
  (protocols ?? '')
    .split(',')
    .map(protocol => protocol.trim())
    .find(protocol => protocol !== '' && protocol !== subprotocol) ?? ''

/** What is answered to the offer: `skerry`, or the only one there is. */
export const chosenProtocol = (offered: ReadonlySet<string>): string | false =>
  offered.has(subprotocol) ? subprotocol : ([...offered][0] ?? false)

const framed = (name: string, write: (encoder: encoding.Encoder) => void): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, name)
  write(encoder)
  return encoding.toUint8Array(encoder)
}

export interface Bridge {
  /** Given to the library in place of the socket. */
  readonly socket: WebSocketLike
  /** The frame that lets the client in; goes to the library first. */
  readonly greeting: Uint8Array
  /** A frame of the client as the library reads it; undefined for one that no such client sends. */
  translate(frame: Uint8Array): Uint8Array | undefined
}

/** A bridge for one client of `room` over `socket`. */
export const createBridge = (room: string, token: string, socket: WebSocketLike): Bridge => {
  const prefix = framed(room, () => {})
  const close = ({ code, reason }: Closing): void => socket.close(code, reason)

  const send = (frame: Uint8Array): void => {
    const body = frame.subarray(prefix.length)
    const decoder = decoding.createDecoder(body)
    const kind = decoding.readVarUint(decoder)
    if (kind === kinds.sync || kind === kinds.awareness || kind === kinds.queryAwareness) socket.send(body)
    else if (kind === kinds.syncReply) {
      const copy = body.slice()
      copy[0] = kinds.sync
      socket.send(copy)
    } else if (kind === kinds.auth && decoding.readVarUint(decoder) === auth.denied) {
      close(closingOf(decoding.readVarString(decoder)))
    } else if (kind === kinds.close) close(closings.failed)
  }

  return {
    socket: {
      send: data => send(data as Uint8Array),
      close: (code, reason) => socket.close(code, reason),
      get readyState() {
        return socket.readyState
      },
    },
    greeting: framed(room, encoder => {
      encoding.writeVarUint(encoder, kinds.auth)
      encoding.writeVarUint(encoder, auth.token)
      encoding.writeVarString(encoder, token)
    }),
    translate: frame => {
      const [kind] = frame
      if (kind !== kinds.sync && kind !== kinds.awareness && kind !== kinds.queryAwareness) return undefined
      const whole = new Uint8Array(prefix.length + frame.length)
      whole.set(prefix)
      whole.set(frame, prefix.length)
      return whole
    },
  }
}
