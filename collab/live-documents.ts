// What the store knows comes into the open documents: at opening, and again when somebody else wrote to the store (a
// command over REST, another process, an update whose document was closed and opened again meanwhile). Applying what is
// known already is harmless in Yjs.
import type { Hocuspocus, LocalTransactionOrigin } from '@hocuspocus/server'
import * as Y from 'yjs'
import { bringsNews } from '#server/content/update-news.ts'
import { backoff, pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { SeatContext } from './seats.ts'
import { documentName } from './document-name.ts'
import type { DocumentStore, StoredDocument } from './postgres-store.ts'

/** Attempts to read a document whose content changed; the next change or opening reads it again anyway. */
const attempts = 6

/** Of changes that come from the store: they need no storing. */
const fromStore: LocalTransactionOrigin = { source: 'local', skipStoreHooks: true }

/**
 * Applies `stored` to `document`. An update that would not be logged today is left out; it must not lock everybody out.
 * Each is a transaction of its own: some fail only when theirs ends.
 */
export const applyStored = (document: Y.Doc, { state, updates }: StoredDocument, log: Log): void => {
  if (state) Y.applyUpdate(document, state, fromStore)
  for (const update of updates) {
    try {
      if (bringsNews(document, update)) Y.applyUpdate(document, update, fromStore)
    } catch (error) {
      log.error('a logged update cannot be applied', { error, bytes: update.length })
    }
  }
}

export interface LiveDocuments {
  /** Brings an open document up to what the store knows; nothing to do when it is not open. */
  refresh(documentId: string): Promise<void>
}

/** The open documents of `library` over `store`. `refreshed` is told when one has been read again. */
export const createLiveDocuments = (options: {
  readonly library: () => Hocuspocus<SeatContext>
  readonly store: DocumentStore
  readonly log: Log
  readonly refreshed: (document: Y.Doc, stored: StoredDocument) => void
}): LiveDocuments => {
  const { library, store, log, refreshed } = options
  /** Running refreshes; true: once more after this one. */
  const running = new Map<string, { again: boolean; done: Promise<void> }>()

  const once = async (documentId: string): Promise<void> => {
    const name = documentName(documentId)
    // one that is being opened may have been read before the change
    await library()
      .loadingDocuments.get(name)
      ?.catch(() => undefined)
    if (!library().documents.has(name)) return
    const stored = await store.load(documentId)
    // closed and opened again while we read: that one may have been read earlier than we did
    await library()
      .loadingDocuments.get(name)
      ?.catch(() => undefined)
    const document = library().documents.get(name)
    if (!stored || !document) return
    applyStored(document, stored, log)
    refreshed(document, stored)
  }

  const insist = async (documentId: string): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once(documentId)
      } catch (error) {
        if (attempt === attempts) return log.error('an open document could not be read again', { error, documentId })
        await pause(backoff(attempt, 100, 2000))
      }
    }
  }

  const refresh = (documentId: string): Promise<void> => {
    const found = running.get(documentId)
    if (found) {
      found.again = true
      return found.done
    }
    const run = async (): Promise<void> => {
      do {
        entry.again = false
        await insist(documentId)
      } while (entry.again)
    }
    const entry = { again: false, done: Promise.resolve() }
    running.set(documentId, entry)
    entry.done = run().finally(() => running.delete(documentId))
    return entry.done
  }
  return { refresh }
}
