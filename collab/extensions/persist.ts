// From the store into memory and back: opening reads state and log, typing and leaving have the document stored. A
// document that cannot be read is not opened, so nothing empty is ever stored over it.
import type { Extension } from '@hocuspocus/server'
import type { Log } from '#server/kernel/log.ts'
import type { DocumentSizes } from '../document-size.ts'
import { documentName, roomOf } from '../document-name.ts'
import { Refusal } from '../closing.ts'
import { applyStored } from '../live-documents.ts'
import type { DocumentStore, StoredDocument } from '../postgres-store.ts'
import type { SeatContext } from '../seats.ts'
import type { StoreQueue } from '../store-queue.ts'

const bytesOf = ({ state, updates }: StoredDocument): number =>
  updates.reduce((sum, update) => sum + update.length, state?.length ?? 0)

export interface PersistOptions {
  readonly store: DocumentStore
  readonly queue: StoreQueue
  readonly sizes: DocumentSizes
  /** Told of a document that cannot be read now. */
  readonly unopened: (name: string) => void
  readonly log: Log
}

/** See the header. */
export const persist = ({ store, queue, sizes, unopened, log }: PersistOptions): Extension<SeatContext> => {
  const read = async (documentId: string): Promise<StoredDocument> => {
    try {
      const stored = await store.load(documentId)
      if (stored) return stored
    } catch (error) {
      log.error('a document could not be read', { error, documentId })
      unopened(documentName(documentId))
      throw new Refusal('unavailable')
    }
    throw new Refusal('not_found')
  }

  return {
    extensionName: 'persist',
    onLoadDocument: async ({ document, documentName: name }) => {
      const room = roomOf(name)
      if (room?.kind !== 'document') return
      const stored = await read(room.id)
      applyStored(document, stored, log)
      sizes.loaded(document, bytesOf(stored))
      // left behind by a process that was killed
      if (stored.updates.length > 0) queue.touched(room.id)
    },
    onDisconnect: async ({ documentName: name, clientsCount }) => {
      const room = roomOf(name)
      if (room?.kind === 'document' && clientsCount === 0) queue.left(room.id)
    },
  }
}
