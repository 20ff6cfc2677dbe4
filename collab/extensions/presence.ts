// Who is here. The server says who somebody is: `user` of a state is replaced by the person who signed in, and what
// claims to be of somebody else is dropped. Plain y-websocket clients send everybody's states back to us; that, too,
// ends here. Silence and left sockets are the library's: 30 seconds, and at once.
import { createHash } from 'node:crypto'
import type { Extension } from '@hocuspocus/server'
import type { UserActor } from '#server/kernel/actor.ts'
import { closings } from '../closing.ts'
import type { SeatContext } from '../seats.ts'

/** Characters of one state as JSON. */
const maxState = 8192
/** States that one message may bring: plain y-websocket clients send on what they hear. */
const maxStates = 50
/** Yjs clients that one connection may speak for; one is usual. */
const maxClients = 8

/** `user` of an awareness state. */
export interface PresentUser {
  readonly id: string
  readonly name: string
  readonly avatar_url: string | null
  /** `#rrggbb`; the same wherever the person appears. */
  readonly color: string
}

const channel = (value: number): string =>
  Math.round(value * 255)
    .toString(16)
    .padStart(2, '0')

/** A colour of medium lightness that belongs to the id. */
export const colorOf = (userId: string): string => {
  const hue = createHash('sha256').update(userId).digest().readUInt16BE(0) % 360
  const [lightness, saturation] = [0.45, 0.65]
  const part = (offset: number): number => {
    const k = (offset + hue / 30) % 12
    return lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1))
  }
  return `#${channel(part(0))}${channel(part(8))}${channel(part(4))}`
}

export interface PresenceOptions {
  /** Undefined: no picture. */
  readonly avatarOf: (userId: string) => Promise<string | undefined>
}

// whatever its type says, a state is any JSON value
const isSmallObject = (state: unknown): boolean => {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return false
  try {
    return JSON.stringify(state).length <= maxState
  } catch {
    // nested too deep for it
    return false
  }
}

const claimedId = (state: unknown): unknown => {
  const user = typeof state === 'object' && state !== null && 'user' in state ? state.user : undefined
  return typeof user === 'object' && user !== null && 'id' in user ? user.id : undefined
}

/** See the header. */
export const presence = ({ avatarOf }: PresenceOptions): Extension<SeatContext> => {
  const users = new WeakMap<UserActor, PresentUser>()

  const userOf = async (actor: UserActor): Promise<PresentUser> => {
    const known = users.get(actor)
    if (known) return known
    const { userId, displayName } = actor
    const avatar = await avatarOf(userId).catch(() => undefined)
    const user = { id: userId, name: displayName, avatar_url: avatar ?? null, color: colorOf(userId) }
    users.set(actor, user)
    return user
  }

  return {
    extensionName: 'presence',
    beforeHandleAwareness: async ({ states, context, connection, document }) => {
      // without a connection it comes from another process of ours, which has done this already
      const seat = connection && context?.seat
      if (!seat) return
      const { actor, socket } = seat
      const user = await userOf(actor)
      if (socket.closed() || states.size > maxStates) return states.clear()
      const known = document.awareness.getStates()
      for (const [clientId, state] of states) {
        const foreign = [known.get(clientId), state].some(one => (claimedId(one) ?? actor.userId) !== actor.userId)
        if (foreign || !isSmallObject(state)) states.delete(clientId)
        else state['user'] = user
      }
    },
    onAwarenessUpdate: async ({ added, updated, connection, document }) => {
      if (!connection) return
      const mine = document.getClients(connection)
      for (const clientId of [...added, ...updated]) {
        if (mine.has(clientId)) continue
        // back over another connection: the former one's end must not take it away, this one's must
        for (const { clients } of document.connections.values()) clients.delete(clientId)
        mine.add(clientId)
      }
      if (mine.size > maxClients) connection.context.seat?.socket.close(closings.tooMuch)
    },
  }
}
