// How much one client may take (domain rules, section 15). What concerns the socket is checked before anybody knows whose
// it is: size of a message (by `ws` itself), messages, addresses (server/http). The rest as soon as it is known.

import { closings, Refusal } from '../closing.ts'
import type { Socket } from '../seats.ts'

/** Bytes of one message from a client. */
export const maxMessageBytes = 1024 * 1024
/** Bytes that may wait for a client who reads slowly; then the socket goes, and the client starts anew. */
export const maxUnreadBytes = 16 * 1024 * 1024
/** What may wait before a socket has entered its rooms: beyond, the library closes it. */
export const maxEarly = { bytes: 4 * 1024 * 1024, messages: 1000 } as const
const messagesPerWindow = 200
const windowMs = 10_000
const socketsPerPerson = 50
export const roomsPerSocket = 100

export interface Admission {
  /** For those who have just shown who they are: throws a Refusal, or closes the socket, when they have too much open. */
  enter(socket: Socket, userId: string): void
  /** The socket is closed. */
  leave(socket: Socket): void
}

/** Nobody is in yet. */
export const createAdmission = (limited: boolean): Admission => {
  /** Sockets of each person. */
  const open = new Map<string, number>()
  return {
    enter: (socket, userId) => {
      if (socket.seats.size >= roomsPerSocket) throw new Refusal('limit_reached')
      if (socket.personId !== undefined) return
      const count = open.get(userId) ?? 0
      if (limited && count >= socketsPerPerson) {
        socket.close(closings.tooMuch)
        throw new Refusal('limit_reached')
      }
      socket.personId = userId
      open.set(userId, count + 1)
    },
    leave: ({ personId }) => {
      if (personId === undefined) return
      const left = (open.get(personId) ?? 1) - 1
      if (left > 0) open.set(personId, left)
      else open.delete(personId)
    },
  }
}

/** Counts the messages of one socket; false: too many in this window. `now` in milliseconds. */
export const messageWindow = (limited: boolean): ((now: number) => boolean) => {
  let begun = Number.NEGATIVE_INFINITY
  let count = 0
  return now => {
    if (now - begun >= windowMs) {
      begun = now
      count = 0
    }
    count += 1
    return !limited || count <= messagesPerWindow
  }
}
