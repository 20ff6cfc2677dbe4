// An open document that nobody types in is the bytes of its state and no more: who opens it gets those, and Yjs builds
// it when somebody first looks at it. Whoever looks cannot tell: a sleeping document wakes at the first touch.
import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'

/** What may be asked of a document while it sleeps. */
export interface Sleeper {
  /** The state vector as it is sent. */
  readonly vector: Uint8Array
  /** The update that somebody with state vector `known` lacks. */
  lackedBy(known: Uint8Array): Uint8Array
  /** Does `update`, which can be read, say nothing new? Undefined: only Yjs can tell. */
  knows(update: Uint8Array): true | undefined
  /** Builds the document; what Yjs throws is thrown, and then the document must not be used. */
  wake(): void
}

const sleepers = new WeakMap<Y.Doc, Sleeper>()

/** Undefined: it is awake. */
export const sleeperOf = (document: Y.Doc): Sleeper | undefined => sleepers.get(document)

/** Runs `work`, whose changes of `document` nobody is told of: before anybody has seen it there is nothing to tell. */
export const silently = (document: Y.Doc, work: () => void): void => {
  const observers = document._observers
  document._observers = new Map()
  try {
    work()
  } finally {
    document._observers = observers
  }
}

/** Calls `touched` before anything of `map` is read or changed. */
const touchy = <Key, Value>(map: Map<Key, Value>, touched: () => void): Map<Key, Value> =>
  new Proxy(map, {
    get: (_, property) => {
      touched()
      const value: unknown = Reflect.get(map, property, map)
      return typeof value === 'function' ? value.bind(map) : value
    },
  })

/**
 * Fills the empty `document` with `state`. Nothing is built before it is touched, unless the state has gaps, which Yjs
 * alone can deal with. Throws what Yjs throws when it cannot read the state.
 */
export const layToSleep = (document: Y.Doc, state: Uint8Array): void => {
  const { structs, ds } = Y.decodeUpdate(state)
  const clocks = new Map<number, number>()
  for (const struct of structs) {
    const { client, clock } = struct.id
    const isGap = struct instanceof Y.Skip || clock !== (clocks.get(client) ?? 0)
    if (isGap) return silently(document, () => Y.applyUpdate(document, state))
    clocks.set(client, clock + struct.length)
  }
  const { share, store } = document
  const { clients } = store

  const wake = (): void => {
    if (!sleepers.delete(document)) return
    document.share = share
    store.clients = clients
    // a transaction that woke it up has already taken the list that it will end with
    const ends = document._transactionCleanups
    silently(document, () => Y.applyUpdate(document, state))
    ends.length = 0
    document._transactionCleanups = ends
  }
  document.share = touchy(share, wake)
  store.clients = touchy(clients, wake)
  sleepers.set(document, {
    vector: Y.encodeStateVector(clocks),
    lackedBy: known => (decoding.readVarUint(decoding.createDecoder(known)) === 0 ? state : Y.diffUpdate(state, known)),
    knows: update => {
      const said = Y.decodeUpdate(update)
      const known = said.ds.clients.size === 0 || Y.equalDeleteSets(said.ds, ds)
      return (said.structs.length === 0 && known) || undefined
    },
    wake,
  })
}
