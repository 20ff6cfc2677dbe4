// Who sits where: every socket with the rooms that its person entered. Rights are kept per seat; whether a seat may
// write follows from them and is applied to the library's connection here and nowhere else.
import { type Connection, OutgoingMessage } from '@hocuspocus/server'
import type { UserActor } from '#server/kernel/actor.ts'
import type { Closing } from './closing.ts'
import type { Room } from './document-name.ts'
import type { Intake } from './intake.ts'

/** One WebSocket. */
export interface Socket {
  readonly ip: string
  /** `cookie` of the upgrade request. */
  readonly cookie: string | undefined
  readonly seats: Set<Seat>
  readonly intake: Intake
  /** Whose it is, since the first successful authentication. */
  personId: string | undefined
  readonly closed: () => boolean
  close(closing: Closing): void
}

/** One person in one room over one socket. */
export interface Seat {
  readonly socket: Socket
  readonly name: string
  readonly room: Room
  readonly actor: UserActor
  /** Counts the occasions on which the right was looked up again. */
  revision: number
  mayEdit: boolean
  /** The document has reached its greatest size; only content that shrinks it helps. */
  full: boolean
  /** Since the room is entered. */
  connection: Connection<SeatContext> | undefined
}

/** What the library carries along with each connection. */
export interface SeatContext {
  readonly socket: Socket
  readonly seat?: Seat
}

/** May what this seat sends be applied? Presence rooms hold no content. */
export const mayWrite = (seat: Seat): boolean => seat.room.kind === 'document' && seat.mayEdit && !seat.full

const tellScope = (connection: Connection, readOnly: boolean): void =>
  connection.send(new OutgoingMessage(connection.messageAddress).writeAuthenticated(readOnly).toUint8Array())

/**
 * Called between two messages of a connection (C-12). Writable is only set here: a connection that became writable
 * between the write-ahead and the application of one message would apply what is in no log.
 */
export const settle = (seat: Seat, connection: Connection): void => {
  connection.readOnly = !mayWrite(seat)
}

/** After a change of rights: read-only at once; writable with the next message, which is asked for here. */
export const rightsChanged = (seat: Seat, wroteBefore: boolean): void => {
  const { connection } = seat
  const writes = mayWrite(seat)
  if (!connection || writes === wroteBefore) return
  if (!writes) connection.readOnly = true
  tellScope(connection, !writes)
  if (!writes) return
  // what was typed meanwhile was refused; the answer to this brings it
  const question = new OutgoingMessage(connection.messageAddress)
    .createSyncMessage()
    .writeFirstSyncStepFor(connection.document)
  connection.send(question.toUint8Array())
}

/** Nothing more of this seat is accepted until its right is looked up again. */
export const suspend = (seat: Seat): void => {
  const wroteBefore = mayWrite(seat)
  seat.mayEdit = false
  rightsChanged(seat, wroteBefore)
}

/** Closes the socket of a seat that has lost its right: what still waits on it is not accepted any more. */
export const dismiss = (seat: Seat, closing: Closing): void => {
  seat.mayEdit = false
  if (seat.connection) seat.connection.readOnly = true
  seat.socket.close(closing)
}

/** All seats of this process. */
export interface Seats {
  add(seat: Seat): void
  remove(seat: Seat): void
  all(): Iterable<Seat>
  ofPerson(userId: string): readonly Seat[]
  inRoom(name: string): readonly Seat[]
}

const put = (map: Map<string, Set<Seat>>, key: string, seat: Seat): void => {
  const found = map.get(key)
  if (found) found.add(seat)
  else map.set(key, new Set([seat]))
}

const drop = (map: Map<string, Set<Seat>>, key: string, seat: Seat): void => {
  const found = map.get(key)
  found?.delete(seat)
  if (found?.size === 0) map.delete(key)
}

/** An empty register. */
export const createSeats = (): Seats => {
  const all = new Set<Seat>()
  const byPerson = new Map<string, Set<Seat>>()
  const byRoom = new Map<string, Set<Seat>>()
  return {
    add: seat => {
      all.add(seat)
      seat.socket.seats.add(seat)
      put(byPerson, seat.actor.userId, seat)
      put(byRoom, seat.name, seat)
    },
    remove: seat => {
      all.delete(seat)
      seat.socket.seats.delete(seat)
      drop(byPerson, seat.actor.userId, seat)
      drop(byRoom, seat.name, seat)
    },
    all: () => all,
    ofPerson: userId => [...(byPerson.get(userId) ?? [])],
    inRoom: name => [...(byRoom.get(name) ?? [])],
  }
}
