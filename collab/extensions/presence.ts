// Who is here. The server says who somebody is: `user` of a state is replaced by the person who signed in, and what
// claims to be of somebody else is dropped. Plain y-websocket clients send everybody's states back to us; that, too,
// ends here. Silence and left sockets are the library's: 30 seconds, and at once.
import { createHash } from 'node:crypto'
import type { Document, Extension } from '@hocuspocus/server'
import type { UserActor } from '#server/kernel/actor.ts'
import type { SeatContext } from '../seats.ts'

/** Characters of one state as JSON. */
const maxState = 8192
/** States that one message may bring. */
const maxStates = 50

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

const claimedId = (state: Record<string, unknown>): unknown => {
  const { user } = state
  return typeof user === 'object' && user !== null && 'id' in user ? user.id : undefined
}

/** See the header. */
export const presence = ({ avatarOf }: PresenceOptions): Extension<SeatContext> => {
  /** Client id → person, for each open document. */
  const owners = new WeakMap<Document, Map<number, string>>()
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

  const ownersIn = (document: Document): Map<number, string> => {
    const found = owners.get(document) ?? new Map<number, string>()
    owners.set(document, found)
    return found
  }

  return {
    extensionName: 'presence',
    beforeHandleAwareness: async ({ states, context, connection, document }) => {
      // without a connection it comes from another process of ours, which has done this already
      const actor = connection && context?.seat?.actor
      if (!actor) return
      const user = await userOf(actor)
      const tooMany = states.size > maxStates
      const owned = ownersIn(document)
      for (const [clientId, state] of states) {
        const claimed = claimedId(state)
        const foreign = (owned.get(clientId) ?? actor.userId) !== actor.userId
        const stranger = claimed !== undefined && claimed !== actor.userId
        if (tooMany || foreign || stranger || JSON.stringify(state).length > maxState) {
          states.delete(clientId)
          continue
        }
        owned.set(clientId, actor.userId)
        state['user'] = user
      }
    },
    onAwarenessUpdate: async ({ removed, document }) => {
      for (const clientId of removed) owners.get(document)?.delete(clientId)
    },
  }
}
