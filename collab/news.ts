// Does an update say anything that a document does not know? Clients that reconnect send what they believe to be missing,
// and always every deletion they ever saw: most of that is known, and must neither be logged nor make a new version.
import * as Y from 'yjs'

/** Throws when the bytes are no update. Deletions are looked up only where no insertion has settled it. */
export const bringsNews = (document: Y.Doc, update: Uint8Array): boolean => {
  const { structs, ds } = Y.decodeUpdate(update)
  for (const { id, length } of structs) {
    if (id.clock + length > Y.getState(document.store, id.client)) return true
  }
  if (ds.clients.size === 0) return false
  return !Y.snapshotContainsUpdate(Y.snapshot(document), update)
}
