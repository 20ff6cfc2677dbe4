// Rights that are lost while people sit in documents: the session ends (4401), access is withdrawn (4403), the document
// goes (4404). A lost event is made up for by a round of all seats now and then.
import type { DomainEvent } from '#server/kernel/command.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { closings } from '../closing.ts'
import { documentName } from '../document-name.ts'
import { forEachSome, type RightChecks } from '../rights.ts'
import type { Seats } from '../seats.ts'

const roundMs = 30_000
/** Seats of a round that are looked at side by side. */
const width = 4

export interface Revocations {
  onEvent(event: DomainEvent): void
  /** Begins the rounds. */
  start(): void
  stop(): void
}

/** See the header. `everyMs`: milliseconds between two rounds. */
export const revoke = (options: {
  readonly seats: Seats
  readonly checks: RightChecks
  readonly everyMs?: number
}): Revocations => {
  const { seats, checks, everyMs = roundMs } = options
  const stopping = new AbortController()

  const rounds = async (): Promise<void> => {
    for (;;) {
      await pause(everyMs, stopping.signal)
      if (stopping.signal.aborted) return
      await forEachSome(seats.all(), width, async seat => {
        // a session that cannot be looked up now is looked up in the next round
        const signedIn = await seat.stillSignedIn().catch(() => true)
        if (signedIn) await checks.check([seat], closings.accessLost)
        else seat.socket.close(closings.sessionEnded)
      })
    }
  }

  return {
    onEvent: event => {
      if (event.type === 'session_ended') {
        for (const seat of seats.ofPerson(event.userId)) {
          if (seat.actor.sessionPublicId === event.sessionPublicId) seat.socket.close(closings.sessionEnded)
        }
      } else if (event.type === 'access_changed') {
        void checks.check(seats.ofPerson(event.userId), closings.accessLost)
      } else if (event.type === 'application_deleted') {
        void checks.check(seats.all(), closings.documentGone)
      } else if (event.type === 'document.changed') {
        void checks.check(seats.inRoom(documentName(event.documentId)), closings.documentGone)
      }
    },
    start: () => void rounds(),
    stop: () => stopping.abort(),
  }
}
