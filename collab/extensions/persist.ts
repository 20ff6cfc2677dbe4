// From the store into memory and back: opening reads state and log, typing and leaving have the document stored. A
// document that cannot be read is not opened, so nothing empty is ever stored over it.
import type { Extension } from '@hocuspocus/server'
import type * as Y from 'yjs'
import type { Log } from '#server/kernel/log.ts'
import type { DocumentSizes } from '../document-size.ts'
import { roomOf } from '../document-name.ts'
import { type Closing, closings, Refusal } from '../closing.ts'
import { applyStored } from '../live-documents.ts'
import type { DocumentStore, StoredDocument } from '../postgres-store.ts'
import type { SeatContext } from '../seats.ts'
import { layToSleep, silently } from '../sleeping-documents.ts'
import type { StoreQueue } from '../store-queue.ts'

const bytesOf = ({ state, updates }: StoredDocument): number =>
  updates.reduce((sum, update) => sum + update.length, state?.length ?? 0)

export interface PersistOptions {
  readonly store: DocumentStore
  readonly queue: StoreQueue
  readonly sizes: DocumentSizes
  /** Told of a document that cannot be opened, and why its sockets are to go. */
  readonly unopened: (name: string, closing: Closing) => void
  readonly log: Log
}

/** See the header. */
export const persist = ({ store, queue, sizes, unopened, log }: PersistOptions): Extension<SeatContext> => {
  const fill = async (document: Y.Doc, documentId: string): Promise<void> => {
    const stored = await store.load(documentId)
    if (!stored) throw new Refusal('not_found')
    const { state, updates } = stored
    if (state && updates.length === 0) layToSleep(document, state)
    // Yjs' report of it would be on its way to whoever opens the document next, who asks for everything anyway
    else silently(document, () => applyStored(document, stored, log))
    sizes.loaded(document, bytesOf(stored))
    // left behind by a process that was killed
    if (updates.length > 0) queue.touched(documentId)
  }

  return {
    extensionName: 'persist',
    onLoadDocument: async ({ document, documentName: name }) => {
      const room = roomOf(name)
      if (room?.kind !== 'document') return
      try {
        await fill(document, room.id)
      } catch (error) {
        // the library forgets it without ending it
        document.destroy()
        const isGone = error instanceof Refusal
        if (!isGone) log.error('a document could not be read', { error, documentId: room.id })
        unopened(name, isGone ? closings.documentGone : closings.failed)
        throw isGone ? error : new Refusal('unavailable')
      }
    },
    onDisconnect: async ({ documentName: name, clientsCount }) => {
      const room = roomOf(name)
      if (room?.kind === 'document' && clientsCount === 0) queue.left(room.id)
    },
  }
}
