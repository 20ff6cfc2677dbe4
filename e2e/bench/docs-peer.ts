// The peers of the document sockets, one process each (PEER): `hocuspocus`, plain, and `y-websocket`, the server of that
// name from PACKAGES. Both keep documents in memory and nothing durable, without rights and limits.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type WebSocket, WebSocketServer } from 'ws'
import type * as Y from 'yjs'

const { PACKAGES, PEER, PORT, STATES } = process.env
/** What documents hold when they are opened: `<kind>` is the name up to the first dash. */
const states = new Map<string, Uint8Array>(
  Object.entries(JSON.parse(STATES ?? '{}') as Record<string, string>).map(([kind, file]) => [
    kind,
    readFileSync(file),
  ]),
)
const stateOf = (name: string): Uint8Array | undefined => states.get(name.split('-')[0] ?? '')

// each peer loads its own Yjs and no other

const hocuspocusPeer = async () => {
  const { Hocuspocus } = await import('@hocuspocus/server')
  const { encodeStateAsUpdate } = await import('yjs')
  const stored = new Map<string, Uint8Array>()
  const library = new Hocuspocus({
    quiet: true,
    onLoadDocument: async ({ documentName }) => stored.get(documentName) ?? stateOf(documentName),
    onStoreDocument: async ({ documentName, document }) => {
      stored.set(documentName, encodeStateAsUpdate(document))
    },
  })
  return (socket: WebSocket): void => {
    const client = library.handleConnection(socket, new Request('http://peer/'))
    socket.on('message', data => client.handleMessage(new Uint8Array(data as Buffer)))
    socket.on('close', (code, reason) => client.handleClose({ code, reason: reason.toString() }))
  }
}

/** What is used of the package, which brings no types for its CommonJS form. */
interface WebsocketServer {
  setupWSConnection(socket: WebSocket, request: IncomingMessage, options: { docName: string }): void
  setPersistence(persistence: {
    provider: unknown
    bindState(name: string, document: Y.Doc): void
    writeState(name: string, document: Y.Doc): Promise<void>
  }): void
}

const websocketPeer = () => {
  const from = createRequire(join(PACKAGES ?? '', 'package.json'))
  const library = from('@y/websocket-server/utils') as WebsocketServer
  const { applyUpdate } = from('yjs') as typeof Y
  library.setPersistence({
    provider: undefined,
    bindState: (name, document) => {
      const state = stateOf(name)
      if (state) applyUpdate(document, state)
    },
    writeState: async () => {},
  })
  return (socket: WebSocket, docName: string, request: IncomingMessage): void =>
    library.setupWSConnection(socket, request, { docName })
}

const welcome = PEER === 'y-websocket' ? websocketPeer() : await hocuspocusPeer()
const sockets = new WebSocketServer({ noServer: true })
const server = createServer((_request, response) => response.end('ok'))
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, made =>
    welcome(made, decodeURIComponent((request.url ?? '').split('/').at(-1) ?? ''), request),
  )
})
server.listen(Number(PORT), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
