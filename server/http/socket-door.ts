// The checks in front of a socket whose protocol lives elsewhere (documents at /collab): where the page comes from, and
// how many sockets one address has open. Whoever stands behind it learns the address and gets the upgrade.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '#server/kernel/errors.ts'
import { socketsPerAddress } from '#server/kernel/open-limits.ts'
import { limitKey } from './client-address.ts'
import { openLimit } from './rate-limit.ts'
import { refuseUpgrade } from './sync-socket.ts'

/** What stands behind the door. */
export interface SocketTarget {
  /** `ip`: of the client, behind proxies that are trusted. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, ip: string): void
  /** Ends all sockets; part of the server's stop. */
  end(): void
}

export interface SocketDoorOptions {
  readonly target: SocketTarget
  /** Throws for a foreign page. */
  readonly checkUpgrade: (request: IncomingMessage) => void
  readonly addressOf: (request: IncomingMessage) => string
  readonly limited: boolean
}

/** Answers upgrades, or refuses them with an HTTP status. */
export const socketDoor = ({ target, checkUpgrade, addressOf, limited }: SocketDoorOptions) => {
  const open = openLimit(limited ? socketsPerAddress : Number.POSITIVE_INFINITY)
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    try {
      checkUpgrade(request)
      const ip = addressOf(request)
      socket.once('close', open.enter(limitKey(ip)))
      target.upgrade(request, socket, head, ip)
    } catch (error) {
      const many = error instanceof AppError && error.status === 429
      refuseUpgrade(socket, many ? '429 Too Many Requests' : '403 Forbidden')
    }
  }
}
