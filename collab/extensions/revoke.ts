// Rights that are lost while people sit in documents: the session ends (4401), access is withdrawn (4403), the document
// goes (4404). A lost event is made up for by a round of all seats now and then.
import type { UserActor } from '#server/kernel/actor.ts'
import type { DomainEvent } from '#server/kernel/command.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { closings } from '../closing.ts'
import { documentName } from '../document-name.ts'
import { forEachSome, type RightChecks } from '../rights.ts'
import { dismiss, type Seats } from '../seats.ts'

const roundMs = 30_000
/** Sessions of a round that are looked at side by side. */
const width = 2

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
  readonly sessionLives: (actor: UserActor) => Promise<boolean>
  readonly everyMs?: number
}): Revocations => {
  const { seats, checks, sessionLives, everyMs = roundMs } = options
  const stopping = new AbortController()

  const rounds = async (): Promise<void> => {
    for (;;) {
      await pause(everyMs, stopping.signal)
      if (stopping.signal.aborted) return
      const sessions = Map.groupBy(seats.all(), seat => seat.actor.sessionPublicId)
      await forEachSome(sessions.values(), width, async ofSession => {
        const [seat] = ofSession
        // a session that cannot be looked up now is looked up in the next round
        const lives = seat && (await sessionLives(seat.actor).catch(() => true))
        if (lives) await checks.check(ofSession, closings.accessLost)
        else for (const one of ofSession) dismiss(one, closings.sessionEnded)
      })
    }
  }

  return {
    onEvent: event => {
      if (event.type === 'session_ended') {
        for (const seat of seats.ofPerson(event.userId)) {
          if (seat.actor.sessionPublicId === event.sessionPublicId) dismiss(seat, closings.sessionEnded)
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
