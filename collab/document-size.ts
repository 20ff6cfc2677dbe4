// How large an open document is. Estimated from above (what was loaded plus every update, wherever it comes from), so that
// typing costs nothing; worked out exactly only when the estimate reaches the limit.
import { isTransactionOrigin } from '@hocuspocus/server'
import * as Y from 'yjs'

export interface DocumentSizes {
  /** Read from the store, `bytes` long; from now on whatever comes in is counted. */
  loaded(document: Y.Doc, bytes: number): void
  /** May an update of `bytes` come in? Counts it if so. */
  admit(document: Y.Doc, bytes: number): boolean
  /** Is there room again, after content was replaced? */
  hasRoom(document: Y.Doc): boolean
}

/** Sizes against `maxBytes` of stored state. */
export const createDocumentSizes = (maxBytes: number): DocumentSizes => {
  const estimates = new WeakMap<Y.Doc, number>()
  const exact = (document: Y.Doc): number => {
    const bytes = Y.encodeStateAsUpdate(document).byteLength
    estimates.set(document, bytes)
    return bytes
  }
  const sizeOf = (document: Y.Doc): number => estimates.get(document) ?? exact(document)
  return {
    loaded: (document, bytes) => {
      estimates.set(document, bytes)
      document.on('update', (update: Uint8Array, origin: unknown) => {
        // what clients send is counted before it is logged
        if (isTransactionOrigin(origin) && origin.source === 'connection') return
        estimates.set(document, sizeOf(document) + update.byteLength)
      })
    },
    admit: (document, bytes) => {
      let size = sizeOf(document)
      if (size + bytes > maxBytes) size = exact(document)
      if (size + bytes > maxBytes) return false
      estimates.set(document, size + bytes)
      return true
    },
    hasRoom: document => exact(document) < maxBytes,
  }
}
