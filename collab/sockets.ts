// The WebSockets at /collab: their limits, their pulse, and their frames on the way to the library and back.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Hocuspocus, OutgoingMessage, type WebSocketLike } from '@hocuspocus/server'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Log } from '#server/kernel/log.ts'
import { type Closing, closings, type RefusalReason } from './closing.ts'
import { roomOf } from './document-name.ts'
import { type Admission, maxMessageBytes, maxUnreadBytes, messageWindow } from './extensions/limits.ts'
import { type Frame, kinds, readFrame } from './frames.ts'
import { createIntake } from './intake.ts'
import type { SeatContext, Seats, Socket } from './seats.ts'
import { chosenProtocol, createBridge, roomInPath, tokenIn } from './y-websocket.ts'

/** How often the server pings, and how long a client may say nothing, pongs included; milliseconds. */
export interface Pulse {
  readonly pingMs: number
  readonly idleMs: number
}

export const usualPulse: Pulse = { pingMs: 30_000, idleMs: 60_000 }

export interface Sockets {
  /** Takes an upgrade over that has passed the checks of the HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, ip: string): void
  open(): number
  /** Says goodbye (1001) to everybody. */
  end(): void
  /** Resolves when all are closed; those that do not answer are cut off after `ms`. */
  closed(ms: number): Promise<void>
}

export interface SocketsOptions {
  readonly library: Hocuspocus<SeatContext>
  readonly seats: Seats
  readonly admission: Admission
  readonly limited: boolean
  readonly pingMs: number
  readonly log: Log
}

// hooks of the library get the query's parameters, taken anew from the address at every message; nothing here reads them
const webRequest = (request: IncomingMessage): Request => {
  const headers = new Headers()
  for (const name of ['user-agent', 'origin'] as const) {
    const value = request.headers[name]
    if (value !== undefined) headers.set(name, value)
  }
  return Object.defineProperty(new Request('http://collab/', { headers }), 'url', { value: '' })
}

/** What whoever asks for a room of no such name hears; the rest of what is sent to it goes nowhere. */
const refuse = (to: WebSocketLike, { address, kind }: Frame): void => {
  if (kind !== kinds.auth) return
  const reason: RefusalReason = 'not_found'
  to.send(new OutgoingMessage(address).writePermissionDenied(reason).toUint8Array())
}

/** The door. */
export const createSockets = ({ library, seats, admission, limited, pingMs, log }: SocketsOptions): Sockets => {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    clientTracking: false,
    handleProtocols: chosenProtocol,
  })
  const open = new Set<WebSocket>()
  let allClosed: (() => void) | undefined

  const socketOf = (ws: WebSocket, request: IncomingMessage, ip: string): Socket => ({
    ip,
    cookie: request.headers.cookie,
    seats: new Set(),
    intake: createIntake(ws),
    personId: undefined,
    closed: () => ws.readyState !== ws.OPEN,
    close: ({ code, reason }: Closing) => ws.close(code, reason),
  })

  // what one turn of the event loop has for a client (an acknowledgement and what others typed) goes out in one write
  const corked = new Set<Duplex>()
  const uncork = (): void => {
    for (const stream of corked) stream.uncork()
    corked.clear()
  }
  const cork = (stream: Duplex): void => {
    if (corked.size === 0) setImmediate(uncork)
    if (corked.has(stream)) return
    corked.add(stream)
    stream.cork()
  }

  // a reader who does not read must not fill our memory
  const pipe = (ws: WebSocket, stream: Duplex): WebSocketLike => ({
    send: data => {
      if (ws.bufferedAmount > maxUnreadBytes) return ws.terminate()
      cork(stream)
      ws.send(data as Uint8Array)
    },
    close: (code, reason) => ws.close(code, reason),
    get readyState() {
      return ws.readyState
    },
  })

  const welcome = (ws: WebSocket, request: IncomingMessage, stream: Duplex, ip: string): void => {
    open.add(ws)
    const socket = socketOf(ws, request, ip)
    const admits = messageWindow(limited)
    const room = roomInPath((request.url ?? '').split('?', 1)[0] ?? '')
    const token = tokenIn(request.headers['sec-websocket-protocol'])
    const outlet = pipe(ws, stream)
    const bridge = room === undefined ? undefined : createBridge(room, token, outlet)
    const to = bridge?.socket ?? outlet
    const client = library.handleConnection(to, webRequest(request), { socket })
    const isIn = (name: string): boolean => {
      for (const seat of socket.seats) if (seat.name === name && seat.connection) return true
      return false
    }
    const pass = (message: Uint8Array, frame: Frame): void => {
      if (isIn(frame.room)) socket.intake.taken(message)
      // the library would keep something for each name
      else if (!roomOf(frame.room)) return refuse(to, frame)
      client.handleMessage(message)
    }
    const receive = (data: Buffer, binary: boolean): void => {
      // `ws` goes on delivering what it has read already
      if (ws.readyState !== ws.OPEN) return
      if (!admits(performance.now())) return ws.close(closings.tooMuch.code, closings.tooMuch.reason)
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length)
      const message = bridge ? bridge.translate(bytes) : bytes
      const frame = binary && message && readFrame(message)
      if (!frame) return ws.close(closings.badMessage.code, closings.badMessage.reason)
      pass(message, frame)
    }
    let alive = true
    const heard = (): void => {
      alive = true
      // the library ends whoever has said nothing for a minute, and not everybody has awareness to send
      client.lastMessageReceivedAt = Date.now()
    }
    const ping = setInterval(() => {
      // nothing is read from it, pongs included
      if (socket.intake.paused) return heard()
      if (!alive) return ws.terminate()
      alive = false
      ws.ping()
    }, pingMs)
    ws.on('message', (data, binary) => receive(data as Buffer, binary))
    ws.on('pong', heard)
    ws.on('error', error => log.debug('a document socket failed', { error }))
    ws.on('close', (code, reason) => {
      clearInterval(ping)
      client.handleClose({ code, reason: reason.toString() })
      for (const seat of socket.seats) seats.remove(seat)
      admission.leave(socket)
      open.delete(ws)
      if (open.size === 0) allClosed?.()
    })
    if (!bridge) return
    const greeting = readFrame(bridge.greeting)
    if (greeting) pass(bridge.greeting, greeting)
    else ws.close(closings.accessLost.code, closings.accessLost.reason)
  }

  return {
    upgrade: (request, socket, head, ip) =>
      server.handleUpgrade(request, socket, head, ws => welcome(ws, request, socket, ip)),
    open: () => open.size,
    end: () => {
      for (const ws of open) ws.close(closings.stopping.code, closings.stopping.reason)
    },
    closed: ms =>
      new Promise(resolve => {
        if (open.size === 0) return resolve()
        const late = setTimeout(() => {
          for (const ws of open) ws.terminate()
        }, ms)
        allClosed = () => {
          clearTimeout(late)
          resolve()
        }
      }),
  }
}
