// While somebody else holds a document's lock, and for viewers always, a seat is read-only. The lock is part of the right
// (kernel/documents.ts); this looks it up again when it was taken or freed, and applies it between two messages. Whoever
// loses it to an owner is told.
import type { Extension } from '@hocuspocus/server'
import type { DomainEvent } from '#server/kernel/command.ts'
import { closings } from '../closing.ts'
import { documentName } from '../document-name.ts'
import type { RightChecks } from '../rights.ts'
import { type SeatContext, type Seats, settle, suspend } from '../seats.ts'

/** The stateless message for whose lock an owner has taken over. */
export const lockTaken = 'lock.taken'

/** The part of the library's: has to stand before whatever asks whether a connection may write. */
export const lock = (): Extension<SeatContext> => ({
  extensionName: 'lock',
  beforeSync: async ({ context, connection }) => {
    if (context.seat) settle(context.seat, connection)
  },
})

/** The part of the events. */
export const lockEvents =
  (seats: Seats, checks: RightChecks) =>
  (event: DomainEvent): void => {
    if (event.type !== 'document.lock') return
    const present = seats.inRoom(documentName(event.documentId))
    for (const seat of present) {
      if (seat.actor.userId !== event.takenFrom) continue
      // without waiting for the lookup: once he is told on one device, nothing from any of them is accepted
      suspend(seat)
      seat.connection?.sendStateless(lockTaken)
    }
    void checks.check(present, closings.accessLost)
  }
