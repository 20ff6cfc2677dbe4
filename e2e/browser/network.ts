// The network between a browser and the server, as a relay that can be cut: what a browser calls offline does not reach
// every one of its requests at the same moment.
import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface Network {
  /** The server's address on this side. */
  readonly url: string
  /** Ends all connections; new ones are refused. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

/** Starts a relay to the server at `target`. */
export const createNetwork = async (target: string): Promise<Network> => {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let isCut = false
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    return socket.on('error', () => socket.destroy())
  }
  const server = createServer({ allowHalfOpen: true }, near => {
    keep(near)
    if (isCut) return void near.destroy()
    const far = keep(connect({ host: hostname, port: Number(port), allowHalfOpen: true }))
    near.pipe(far)
    far.pipe(near)
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const dropAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true
      dropAll()
    },
    mend: () => {
      isCut = false
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        dropAll()
      }),
  }
}
