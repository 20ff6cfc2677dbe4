// What does an update say? Nothing new: clients that reconnect send what they believe to be missing, and always every
// deletion they ever saw; that must neither be logged nor make a new version. Nothing sound: bytes that Yjs cannot read,
// or reads and then fails on (what nests too deep as well), would stand in the way of everybody who opens the document,
// and of storing it.
import * as Y from 'yjs'
import { nestsDeeper } from './update-depth.ts'

/** Levels that a client may nest in Yjs; the content model allows 100. */
export const maxUpdateDepth = 500

/** Thrown for an update that must not be logged. */
export class UnsoundUpdate extends Error {
  readonly problem: 'unreadable' | 'too_deep'

  constructor(problem: UnsoundUpdate['problem'] = 'unreadable', options?: ErrorOptions) {
    super('the update cannot be applied', options)
    this.name = 'UnsoundUpdate'
    this.problem = problem
  }
}

const decoded = (update: Uint8Array): ReturnType<typeof Y.decodeUpdate> => {
  try {
    return Y.decodeUpdate(update)
  } catch (cause) {
    throw new UnsoundUpdate('unreadable', { cause })
  }
}

// Yjs waits for what others have still to say, and takes for granted that nobody refers to his own future
const refersAhead = ({ id, origin, rightOrigin, parent }: Y.Item): boolean =>
  [origin, rightOrigin, parent].some(to => to instanceof Y.ID && to.client === id.client && to.clock >= id.clock)

// a deletion of nothing cannot be written again when it has to wait for what it deletes
const deletesNothing = ({ len }: { readonly len: number }): boolean => len < 1

/**
 * Does `update` say anything that `document` does not know? Throws UnsoundUpdate. Deletions are looked up only where no
 * insertion has settled it.
 */
export const bringsNews = (document: Y.Doc, update: Uint8Array): boolean => {
  const { structs, ds } = decoded(update)
  if ([...ds.clients.values()].some(ranges => ranges.some(deletesNothing))) throw new UnsoundUpdate()
  let isNews = false
  for (const struct of structs) {
    if (struct instanceof Y.Item && refersAhead(struct)) throw new UnsoundUpdate()
    const { id, length } = struct
    isNews ||= id.clock + length > Y.getState(document.store, id.client)
  }
  if (isNews && nestsDeeper(document, structs, maxUpdateDepth)) throw new UnsoundUpdate('too_deep')
  if (isNews || ds.clients.size === 0) return isNews
  return !Y.snapshotContainsUpdate(Y.snapshot(document), update)
}
