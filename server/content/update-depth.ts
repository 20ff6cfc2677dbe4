// How deep does an update nest? Yjs deletes and collects what lies in a deleted element by recursion, so a document that
// nests thousands of levels can neither be opened nor stored. What waits for its elders counts from when they come.
import * as Y from 'yjs'

type Struct = ReturnType<typeof Y.decodeUpdate>['structs'][number]

const decodedPending = new WeakMap<Uint8Array, readonly Struct[]>()

/** What waits in `document` and may be taken in along with `structs`: Yjs tries when a missing author says something. */
const awakened = (document: Y.Doc, structs: readonly Struct[]): readonly Struct[] => {
  const pending = document.store.pendingStructs
  if (!pending || !structs.some(({ id }) => pending.missing.has(id.client))) return []
  const found = decodedPending.get(pending.update) ?? Y.decodeUpdateV2(pending.update).structs
  decodedPending.set(pending.update, found)
  return found
}

const finder = (document: Y.Doc, structs: readonly Struct[]): ((id: Y.ID) => Y.Item | undefined) => {
  const byClient = Map.groupBy(structs, ({ id }) => id.client)
  for (const list of byClient.values()) list.sort((a, b) => a.id.clock - b.id.clock)
  const incoming = ({ client, clock }: Y.ID): Struct | undefined => {
    const list = byClient.get(client) ?? []
    let [low, high] = [0, list.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((list[middle]?.id.clock ?? 0) <= clock) low = middle + 1
      else high = middle
    }
    return list[low - 1]
  }
  return id => {
    const struct = id.clock < Y.getState(document.store, id.client) ? Y.getItem(document.store, id) : incoming(id)
    return struct instanceof Y.Item ? struct : undefined
  }
}

const isElement = (struct: Struct): struct is Y.Item =>
  struct instanceof Y.Item && struct.content instanceof Y.ContentType

/** Does any element of `structs` come to lie more than `limit` elements deep in `document`? */
export const nestsDeeper = (document: Y.Doc, structs: readonly Struct[], limit: number): boolean => {
  const all = [...structs, ...awakened(document, structs)]
  if (!all.some(isElement)) return false
  const find = finder(document, all)
  const levels = new Map<Y.Item, number>()

  // a struct that has neighbours names them instead of its parent
  const elder = ({ parent, origin, rightOrigin }: Y.Item): Y.Item | null | undefined => {
    if (parent instanceof Y.AbstractType) return parent._item
    if (parent instanceof Y.ID) return find(parent)
    const neighbour = parent === null ? (origin ?? rightOrigin) : null
    return neighbour && find(neighbour)
  }

  const levelOf = (item: Y.Item): number => {
    const way: Y.Item[] = []
    let at: Y.Item | null | undefined = item
    while (at && !levels.has(at)) {
      // who comes round to himself waits forever
      levels.set(at, 0)
      way.push(at)
      at = elder(at)
    }
    let level = at ? (levels.get(at) ?? 0) : 1
    for (const one of way.toReversed()) {
      if (one.parent !== null && at) level += 1
      levels.set(one, level)
      at = one
    }
    return level
  }
  return all.some(struct => isElement(struct) && levelOf(struct) > limit)
}
