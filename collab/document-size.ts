// How large an open document is. Estimated from above (what was loaded plus every update), so that typing costs nothing;
// worked out exactly only when the estimate reaches the limit.
import * as Y from 'yjs'

export interface DocumentSizes {
  /** Read from the store, `bytes` long. */
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
  return {
    loaded: (document, bytes) => void estimates.set(document, bytes),
    admit: (document, bytes) => {
      let size = estimates.get(document) ?? exact(document)
      if (size + bytes > maxBytes) size = exact(document)
      if (size + bytes > maxBytes) return false
      estimates.set(document, size + bytes)
      return true
    },
    hasRoom: document => exact(document) < maxBytes,
  }
}
