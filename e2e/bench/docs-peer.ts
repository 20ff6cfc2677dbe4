// The peers of the document sockets, one process each (PEER): `hocuspocus`, plain, with documents in memory and nothing
// durable; `relay`, y-websocket's protocol on a bare Y.Doc, without rights, store or limits.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { Hocuspocus } from '@hocuspocus/server'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { type WebSocket, WebSocketServer } from 'ws'
import { messageYjsSyncStep1, readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'

const { PEER, PORT, STATES } = process.env
/** What documents hold when they are opened: `<kind>` is the name up to the first dash. */
const states = new Map<string, Uint8Array>(
  Object.entries(JSON.parse(STATES ?? '{}') as Record<string, string>).map(([kind, file]) => [
    kind,
    readFileSync(file),
  ]),
)
const stateOf = (name: string): Uint8Array | undefined => states.get(name.split('-')[0] ?? '')

const hocuspocusPeer = () => {
  const stored = new Map<string, Uint8Array>()
  const library = new Hocuspocus({
    quiet: true,
    onLoadDocument: async ({ documentName }) => stored.get(documentName) ?? stateOf(documentName),
    onStoreDocument: async ({ documentName, document }) => {
      stored.set(documentName, Y.encodeStateAsUpdate(document))
    },
  })
  return (socket: WebSocket): void => {
    const client = library.handleConnection(socket, new Request('http://peer/'))
    socket.on('message', data => client.handleMessage(new Uint8Array(data as Buffer)))
    socket.on('close', (code, reason) => client.handleClose({ code, reason: reason.toString() }))
  }
}

const relayPeer = () => {
  const rooms = new Map<string, { doc: Y.Doc; sockets: Set<WebSocket> }>()
  const roomOf = (name: string) => {
    const found = rooms.get(name)
    if (found) return found
    const room = { doc: new Y.Doc(), sockets: new Set<WebSocket>() }
    const state = stateOf(name)
    if (state) Y.applyUpdate(room.doc, state)
    room.doc.on('update', (update: Uint8Array, origin: unknown) => {
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, 0)
      writeUpdate(encoder, update)
      const frame = encoding.toUint8Array(encoder)
      for (const socket of room.sockets) if (socket !== origin) socket.send(frame)
    })
    rooms.set(name, room)
    return room
  }
  return (socket: WebSocket, name: string): void => {
    const room = roomOf(name)
    room.sockets.add(socket)
    socket.on('close', () => room.sockets.delete(socket))
    socket.on('message', data => {
      const decoder = decoding.createDecoder(new Uint8Array(data as Buffer))
      if (decoding.readVarUint(decoder) !== 0) return
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, 0)
      const kind = readSyncMessage(decoder, encoder, room.doc, socket)
      if (kind !== messageYjsSyncStep1) return
      socket.send(encoding.toUint8Array(encoder))
      const question = encoding.createEncoder()
      encoding.writeVarUint(question, 0)
      writeSyncStep1(question, room.doc)
      socket.send(encoding.toUint8Array(question))
    })
  }
}

const welcome = PEER === 'relay' ? relayPeer() : hocuspocusPeer()
const sockets = new WebSocketServer({ noServer: true })
const server = createServer((_request, response) => response.end('ok'))
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, made =>
    welcome(made, decodeURIComponent((request.url ?? '').split('/').at(-1) ?? '')),
  )
})
server.listen(Number(PORT), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
