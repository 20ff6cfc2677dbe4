// Who comes in: token or cookie → person → what the documents say he may do. Whatever may not be seen is refused alike.
import type { Extension } from '@hocuspocus/server'
import type { UserActor } from '#server/kernel/actor.ts'
import type { Log } from '#server/kernel/log.ts'
import { closings, Refusal } from '../closing.ts'
import { roomOf } from '../document-name.ts'
import type { Right, Rights } from '../rights.ts'
import { mayWrite, rightsChanged, type Seat, type SeatContext, type Seats } from '../seats.ts'
import type { Admission } from './limits.ts'

/** What a client shows: the token of the protocol's message or, without one, the cookie of its page. */
export interface Credentials {
  readonly token: string | undefined
  readonly cookie: string | undefined
  readonly ip: string
}

export type CallerOf = (credentials: Credentials) => Promise<UserActor | undefined>

export interface AuthenticateOptions {
  readonly callerOf: CallerOf
  readonly sessionLives: (actor: UserActor) => Promise<boolean>
  readonly rights: Rights
  readonly seats: Seats
  readonly admission: Admission
  readonly log: Log
}

/** See the header. */
export const authenticate = (options: AuthenticateOptions): Extension<SeatContext> => {
  const { callerOf, sessionLives, rights, seats, admission, log } = options
  const newest = async (seat: Seat): Promise<Right | undefined> => {
    for (;;) {
      const { revision } = seat
      const [right, lives] = await Promise.all([rights.of(seat), sessionLives(seat.actor)])
      if (!lives) throw new Refusal('unauthenticated')
      if (revision === seat.revision) return right
    }
  }

  const enter = async (name: string, token: string, context: SeatContext): Promise<Seat> => {
    const { socket } = context
    const room = roomOf(name)
    if (!room) throw new Refusal('not_found')
    const credentials = { token: token === '' ? undefined : token, cookie: socket.cookie, ip: socket.ip }
    const actor = await callerOf(credentials)
    if (!actor) throw new Refusal('unauthenticated')
    if (actor.token && !actor.token.scopes.includes('collab')) throw new Refusal('scope_missing')
    // it may have gone while it was asked whose it is: nobody would count it off again
    if (socket.closed()) throw new Refusal('unavailable')
    admission.enter(socket, actor.userId)
    const seat: Seat = {
      socket,
      name,
      room,
      actor,
      revision: 0,
      mayEdit: false,
      full: false,
      connection: undefined,
    }
    // before the questions: who loses his right or session while they are answered is found in this seat
    seats.add(seat)
    try {
      const right = await newest(seat)
      if (!right || socket.closed()) throw new Refusal('not_found')
      seat.mayEdit = right.edit
      return seat
    } catch (error) {
      seats.remove(seat)
      throw error
    }
  }

  return {
    extensionName: 'authenticate',
    onAuthenticate: async ({ token, documentName, context, connectionConfig }) => {
      try {
        const seat = await enter(documentName, token, context)
        connectionConfig.readOnly = !mayWrite(seat)
        return { seat }
      } catch (error) {
        if (error instanceof Refusal) throw error
        log.error('a client could not be let in', { error, room: documentName })
        context.socket.close(closings.failed)
        throw new Refusal('unavailable')
      }
    },
    connected: async ({ context, connection, connectionConfig }) => {
      const { seat, socket } = context
      if (!seat || socket.closed()) return
      seat.connection = connection
      // the right may have changed while the document was being loaded
      rightsChanged(seat, !connectionConfig.readOnly)
    },
    onDisconnect: async ({ context }) => {
      if (context.seat) seats.remove(context.seat)
    },
  }
}
