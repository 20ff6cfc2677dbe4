// Documents edited by several people at once: Hocuspocus behind /collab on the server's one port. This puts the parts
// together; README.md says what each does. Stop: no new sockets, goodbye to the open ones, the log runs empty, every
// document is stored, the library ends.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Extension, Hocuspocus } from '@hocuspocus/server'
import type { UserActor } from '#server/kernel/actor.ts'
import type { DomainEvent } from '#server/kernel/command.ts'
import type { Documents } from '#server/kernel/documents.ts'
import { type Service, withDeadline } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { Metrics } from '#server/kernel/metrics.ts'
import type { Presence } from '#server/kernel/presence.ts'
import { type Closing, closings } from './closing.ts'
import { presenceName } from './document-name.ts'
import { createDocumentSizes } from './document-size.ts'
import { asleep } from './extensions/asleep.ts'
import { authenticate, type CallerOf } from './extensions/authenticate.ts'
import { backPressure } from './extensions/back-pressure.ts'
import { createAdmission, maxEarly, roomsPerSocket } from './extensions/limits.ts'
import { lock, lockEvents } from './extensions/lock.ts'
import { collabMetrics } from './extensions/metrics.ts'
import { persist } from './extensions/persist.ts'
import { presence } from './extensions/presence.ts'
import { revoke } from './extensions/revoke.ts'
import { writeAhead } from './extensions/write-ahead.ts'
import { createLiveDocuments } from './live-documents.ts'
import type { DocumentStore } from './postgres-store.ts'
import { createRightChecks, type Rights } from './rights.ts'
import { createSeats, rightsChanged, type SeatContext } from './seats.ts'
import { createSockets, type Pulse, usualPulse } from './sockets.ts'
import { sleeperOf } from './sleeping-documents.ts'
import { createStoreQueue } from './store-queue.ts'
import { createUpdateLog } from './update-log.ts'

export interface CollabOptions {
  readonly documents: Documents
  readonly store: DocumentStore
  readonly callerOf: CallerOf
  /** Has the session that let a person in not ended yet? */
  readonly sessionLives: (actor: UserActor) => Promise<boolean>
  /** Is that person a member of the application? Presence rooms ask. */
  readonly isMember: (actor: UserActor, applicationId: string) => Promise<boolean>
  readonly avatarOf: (userId: string) => Promise<string | undefined>
  readonly settings: CollabSettings
  readonly log: Log
  readonly metrics?: Metrics
  /** Between processes (redis.ts). */
  readonly cluster?: ((unopened: (name: string) => void) => Extension<SeatContext>) | undefined
  /** Milliseconds between two looks at all rights; for tests. */
  readonly roundMs?: number
  /** Of the sockets; for tests. */
  readonly pulse?: Pulse
}

export interface CollabSettings {
  readonly debounceMs: number
  readonly maxDebounceMs: number
  readonly maxDocumentBytes: number
  readonly limited: boolean
}

export interface Collab extends Service {
  /** Takes over an upgrade of /collab or below that has passed the checks of the HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, ip: string): void
  /** Ends all sockets: the first step of the server's stop. */
  end(): void
  onEvent(event: DomainEvent): void
  /** Open sockets. */
  open(): number
  /** Of the rooms that are open at this server. */
  readonly presence: Presence
}

/** Documents looked at when the server starts: what a killed process has left in the log. */
const maxRecovered = 10_000
const goodbyeMs = 1000
const logMs = 3000
const flushMs = 8000

/** Builds the service; nothing runs before `start`. */
export const createCollab = (options: CollabOptions): Collab => {
  const { documents, store, settings, log, metrics, cluster, pulse = usualPulse } = options
  const seats = createSeats()
  const admission = createAdmission(settings.limited)
  const sizes = createDocumentSizes(settings.maxDocumentBytes)
  const rights: Rights = {
    of: async ({ actor, room }) => {
      if (room.kind === 'document') return documents.access(actor, room.id)
      return (await options.isMember(actor, room.id)) ? { edit: false } : undefined
    },
  }
  const checks = createRightChecks(rights, log)
  const { sessionLives, callerOf, roundMs } = options
  const revocations = revoke({ seats, checks, sessionLives, ...(roundMs === undefined ? {} : { everyMs: roundMs }) })
  const onLock = lockEvents(seats, checks)

  const live = createLiveDocuments({
    library: () => library,
    store,
    log,
    refreshed: document => {
      // content that was replaced may have made room again
      for (const seat of seats.inRoom((document as { name?: string }).name ?? '')) {
        if (!seat.full || !sizes.hasRoom(document)) continue
        seat.full = false
        rightsChanged(seat, false)
      }
    },
  })
  const queue = createStoreQueue({
    documents,
    debounceMs: settings.debounceMs,
    maxDebounceMs: settings.maxDebounceMs,
    log,
    // of another process, what it had logged when it was killed has reached nobody here
    stored: documentId => {
      if (cluster) void live.refresh(documentId)
    },
  })
  const updates = createUpdateLog({
    store,
    log,
    observe: (count, ms) => observe(count, ms),
  })

  // those who wait for it would stay refused; with the socket gone they come back
  const unopened = (name: string, closing: Closing): void => {
    for (const seat of seats.inRoom(name)) seat.socket.close(closing)
  }
  const extensions: Extension<SeatContext>[] = [
    ...(cluster ? [cluster(name => unopened(name, closings.failed))] : []),
    authenticate({ callerOf, sessionLives, rights, seats, admission, log }),
    asleep({ unopened, log }),
    lock(),
    writeAhead({
      library: () => library,
      updates,
      sizes,
      live,
      logged: (documentId, personId) => queue.touched(documentId, personId),
      log,
    }),
    persist({ store, queue, sizes, unopened, log }),
    presence({ avatarOf: options.avatarOf }),
    backPressure(),
  ]
  const library = new Hocuspocus<SeatContext>({
    quiet: true,
    timeout: pulse.idleMs,
    extensions,
    maxUnauthenticatedQueueSize: maxEarly.bytes,
    maxUnauthenticatedQueueMessages: maxEarly.messages,
    maxPendingDocuments: roomsPerSocket,
    // storing is ours (store-queue.ts): behind its own debounce the library only forgets what nobody has open
    debounce: settings.debounceMs,
    maxDebounce: settings.maxDebounceMs,
  })
  // a closed socket ends when all that it sent is logged; its document may be closed by then, and open anew, and the
  // library forgets by name
  const unload = library.unloadDocument.bind(library)
  library.unloadDocument = async document => {
    if (library.documents.get(document.name) === document) await unload(document)
  }
  const sockets = createSockets({ library, seats, admission, limited: settings.limited, pingMs: pulse.pingMs, log })
  const observe = metrics
    ? collabMetrics(metrics, {
        sockets: () => sockets.open(),
        documents: () => library.documents.size,
        sleeping: () => [...library.documents.values()].filter(sleeperOf).length,
        unlogged: () => updates.pending(),
        unstored: () => queue.counts.waiting,
        storeFailures: () => queue.counts.failures,
      })
    : () => {}
  let ended = false

  const recover = async (): Promise<void> => {
    for (const documentId of await store.unfolded(maxRecovered)) queue.touched(documentId)
  }

  const inTime = async (work: Promise<void>, ms: number, what: string): Promise<void> => {
    await withDeadline(work, ms, what).catch((error: unknown) => log.error('documents did not end cleanly', { error }))
  }

  const end = (): void => {
    ended = true
    sockets.end()
  }

  return {
    name: 'collab',
    start: async () => {
      revocations.start()
      await recover()
    },
    stop: async () => {
      end()
      revocations.stop()
      await sockets.closed(goodbyeMs)
      await inTime(updates.idle(), logMs, 'logging the last updates')
      await inTime(queue.flush(), flushMs, 'storing the open documents')
      queue.stop()
      if (cluster) await inTime(library.hooks('onDestroy', { instance: library }), goodbyeMs, 'leaving the cluster')
    },
    upgrade: (request, socket, head, ip) => {
      if (ended) return void socket.destroy()
      sockets.upgrade(request, socket, head, ip)
    },
    end,
    open: () => sockets.open(),
    presence: {
      in: applicationId => [
        ...(library.documents.get(presenceName(applicationId))?.awareness.getStates().values() ?? []),
      ],
    },
    onEvent: event => {
      revocations.onEvent(event)
      onLock(event)
      if (event.type === 'document.content') void live.refresh(event.documentId)
    },
  }
}
