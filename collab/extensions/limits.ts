// How much one client may take (domain rules, section 15). What concerns the socket is checked before anybody knows whose
// it is: size of a message (by `ws` itself), messages, addresses (server/http). The rest as soon as it is known.

import { closings, Refusal } from '../closing.ts'
import type { Seats, Socket } from '../seats.ts'

/** Bytes of one message from a client. */
export const maxMessageBytes = 1024 * 1024
/** Bytes that may wait for a client who reads slowly; then the socket goes, and the client starts anew. */
export const maxUnreadBytes = 16 * 1024 * 1024
const messagesPerWindow = 200
const windowMs = 10_000
const socketsPerPerson = 50
const roomsPerSocket = 100

/** Throws a Refusal, or closes the socket, when a person has too much open. */
export type Admission = (socket: Socket, userId: string) => void

/** Checks for those who have just shown who they are. */
export const admission =
  (seats: Seats, limited: boolean): Admission =>
  (socket, userId) => {
    if (socket.seats.size >= roomsPerSocket) throw new Refusal('limit_reached')
    const isNew = socket.personId === undefined
    socket.personId ??= userId
    if (!limited || !isNew || seats.socketsOf(userId) < socketsPerPerson) return
    socket.close(closings.tooMuch)
    throw new Refusal('limit_reached')
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
