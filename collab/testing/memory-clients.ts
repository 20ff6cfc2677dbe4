// Clients of servers without a database: everything ends with the test.
import * as encoding from 'lib0/encoding'
import { afterEach, expect } from 'vitest'
import { WebSocket } from 'ws'
import { writeUpdate } from 'y-protocols/sync'
import { type Replica, type ReplicaOptions, transports } from './clients.ts'
import { type MemoryServer, type MemoryStore, startMemoryServer } from './memory-server.ts'

export const document = 'document:01890000-0000-7000-8000-000000000001'
export const presenceRoom = 'presence:01890000-0000-7000-8000-000000000002'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A server. */
export const start = async (options: Parameters<typeof startMemoryServer>[0] = {}): Promise<MemoryServer> => {
  const server = await startMemoryServer(options)
  ends.push(() => server.close())
  return server
}

/** Somebody in `document`, or in another room. */
export const join = (
  server: MemoryServer,
  token: string,
  more: Partial<ReplicaOptions> & { readonly kind?: Replica['kind'] } = {},
): Replica => {
  const { kind = 'hocuspocus', ...rest } = more
  const replica = transports[kind]({ url: () => server.url, room: document, token, ...rest })
  ends.push(() => replica.destroy())
  return replica
}

/** Resolves when all are in. */
export const synced = (...replicas: readonly Replica[]) =>
  expect.poll(() => replicas.every(replica => replica.synced()), { timeout: 5000 }).toBe(true)

/** Holds reading or logging back; `arrived` resolves with the first call, `release` lets all go on. */
export const hold = (store: MemoryStore, what: 'load' | 'append') => {
  const arrived = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const late =
    <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      arrived.resolve()
      await released.promise
      return work(...args)
    }
  if (what === 'load') store.load = late(store.load)
  else store.append = late(store.append)
  return { arrived: arrived.promise, release: () => released.resolve() }
}

export interface RawSocket {
  readonly socket: WebSocket
  /** Its close code. */
  readonly closed: Promise<number>
}

/** An open socket that sends what it likes. */
export const rawSocket = async (server: MemoryServer, path: string, token = 'ann'): Promise<RawSocket> => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, ['skerry', token])
  ends.push(() => socket.terminate())
  const closed = new Promise<number>(done => socket.on('close', done))
  await new Promise(done => socket.on('open', done))
  return { socket, closed }
}

/** The close code of a socket that sends what it likes. */
export const raw = async (server: MemoryServer, path: string, send: (socket: WebSocket) => void): Promise<number> => {
  const { socket, closed } = await rawSocket(server, path)
  send(socket)
  return closed
}

/** A message in a room of Hocuspocus' protocol. */
export const message = (room: string, ...content: readonly number[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, room)
  encoding.writeUint8Array(encoder, new Uint8Array(content))
  return encoding.toUint8Array(encoder)
}

/** Ann's, for a room of Hocuspocus' protocol. */
export const authentication = (room: string): Uint8Array => message(room, 2, 0, 3, ...Buffer.from('ann'))

/** Resolves with the server's first answer to Ann who asks to enter. */
export const enter = async (socket: WebSocket, room = document): Promise<Uint8Array> => {
  const answer = new Promise<Buffer>(done => socket.once('message', data => done(data as Buffer)))
  socket.send(authentication(room))
  return new Uint8Array(await answer)
}

/** An update as a plain y-websocket client sends it. */
export const updateFrame = (update: Uint8Array): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 0)
  writeUpdate(encoder, update)
  return encoding.toUint8Array(encoder)
}
