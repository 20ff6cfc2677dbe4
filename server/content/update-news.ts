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

// Yjs fails on what comes behind content of no length
const saysNothing = ({ length }: { readonly length: number }): boolean => length < 1

// a deletion of nothing cannot be written again when it has to wait for what it deletes
const deletesNothing = ({ len }: { readonly len: number }): boolean => len < 1

/** Is all of a range deleted already? What the document does not know yet is not. */
const isDeleted = ({ store }: Y.Doc, client: number, { clock, len }: { clock: number; len: number }): boolean => {
  const end = clock + len
  if (end > Y.getState(store, client)) return false
  const structs = store.clients.get(client) ?? []
  for (let index = Y.findIndexSS(structs, clock); (structs[index]?.id.clock ?? end) < end; index += 1) {
    if (structs[index]?.deleted !== true) return false
  }
  return true
}

/**
 * Does `update` say anything that `document` does not know? Throws UnsoundUpdate. Deletions are looked up only where no
 * insertion has settled it.
 */
export const bringsNews = (document: Y.Doc, update: Uint8Array): boolean => {
  const { structs, ds } = decoded(update)
  if ([...ds.clients.values()].some(ranges => ranges.some(deletesNothing))) throw new UnsoundUpdate()
  let isNews = false
  for (const struct of structs) {
    if (saysNothing(struct) || (struct instanceof Y.Item && refersAhead(struct))) throw new UnsoundUpdate()
    const { id, length } = struct
    isNews ||= id.clock + length > Y.getState(document.store, id.client)
  }
  if (isNews && nestsDeeper(document, structs, maxUpdateDepth)) throw new UnsoundUpdate('too_deep')
  if (isNews) return true
  // merged: ranges that cover each other would be looked at again and again
  return [...Y.mergeDeleteSets([ds]).clients].some(([client, ranges]) =>
    ranges.some(range => !isDeleted(document, client, range)),
  )
}
