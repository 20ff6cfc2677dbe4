// Acknowledged means logged (C-1): every update goes into document_updates before the library applies, acknowledges and
// passes it on. What cannot be logged closes the socket, so that the client comes back and sends it again; an error
// alone would leave the client deaf.
import type { Extension, Hocuspocus } from '@hocuspocus/server'
import { messageYjsSyncStep1 } from 'y-protocols/sync'
import * as Y from 'yjs'
import type { Log } from '#server/kernel/log.ts'
import { type Closing, closings } from '../closing.ts'
import type { DocumentSizes } from '../document-size.ts'
import type { LiveDocuments } from '../live-documents.ts'
import { bringsNews, UnsoundUpdate } from '#server/content/update-news.ts'
import { dismiss, type SeatContext } from '../seats.ts'
import { DocumentGone, type UpdateLog } from '../update-log.ts'

/** The stateless message for whoever typed into a full document. */
export const documentFull = 'document.full'

export interface WriteAheadOptions {
  readonly library: () => Hocuspocus<SeatContext>
  readonly updates: UpdateLog
  readonly sizes: DocumentSizes
  readonly live: LiveDocuments
  /** After an update of `personId` is in the log. */
  readonly logged: (documentId: string, personId: string) => void
  readonly log: Log
}

/** See the header. */
export const writeAhead = (options: WriteAheadOptions): Extension<SeatContext> => {
  const { library, updates, sizes, live, logged, log } = options

  /** Is it news? Or why its socket is to go. */
  const judge = (document: Y.Doc, update: Uint8Array): boolean | Closing => {
    try {
      return bringsNews(document, update)
    } catch (error) {
      if (error instanceof UnsoundUpdate) return error.problem === 'too_deep' ? closings.tooDeep : closings.badMessage
      log.error('an update could not be looked at; its socket is closed', { error })
      return closings.failed
    }
  }

  return {
    extensionName: 'write-ahead',
    beforeSync: async ({ connection, context: { seat }, document, type, payload }) => {
      if (type === messageYjsSyncStep1 || connection.readOnly || !seat) return
      // not by an exception, which the library would print: read-only, it neither applies nor acknowledges
      const refuse = (closing: Closing): void => {
        dismiss(seat, closing)
        connection.readOnly = true
      }
      const isNews = judge(document, payload)
      if (typeof isNews !== 'boolean') return refuse(isNews)
      if (!isNews) return
      if (!sizes.admit(document, payload.length)) {
        seat.full = true
        connection.readOnly = true
        return connection.sendStateless(documentFull)
      }
      try {
        await updates.append(seat.room.id, payload)
      } catch (error) {
        if (error instanceof DocumentGone) return refuse(closings.documentGone)
        log.error('an update could not be logged; its socket is closed', { error, documentId: seat.room.id })
        return refuse(closings.failed)
      }
      logged(seat.room.id, seat.actor.userId)
      // the right to write went while it was being logged; it counts as of when the update came
      if (connection.readOnly) Y.applyUpdate(document, payload, { source: 'connection', connection })
      // everybody left meanwhile, and the document may have been opened anew from what was logged before
      if (library().documents.get(seat.name) !== document) void live.refresh(seat.room.id)
    },
  }
}
