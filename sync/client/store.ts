// Where a client keeps what must outlive it: queue, attention list, rows of shapes with their offsets. A store is a
// set of buckets of JSON values under text keys; everything above decides what lies in them.

/** One change of a batch. Values are JSON. */
export type StoreWrite =
  | { readonly op: 'put'; readonly bucket: string; readonly key: string; readonly value: unknown }
  | { readonly op: 'delete'; readonly bucket: string; readonly key: string }
  | { readonly op: 'clear'; readonly bucket: string }

export interface StoreEntry {
  readonly key: string
  readonly value: unknown
}

export interface Store {
  /** All entries of a bucket, by key in code unit order. */
  all(bucket: string): Promise<readonly StoreEntry[]>
  /** All writes or none, in order; durable when the promise resolves. Calls take effect in the order they are made. */
  write(writes: readonly StoreWrite[]): Promise<void>
  /**
   * Runs `run` while no other client of this store does under the same name; waits for its turn, or until `signal`
   * fires (then `run` is not called).
   */
  exclusive(name: string, signal: AbortSignal, run: () => Promise<void>): Promise<void>
  /** Buckets that another client of this store has written to (other tabs); the result ends it. */
  subscribe(listener: (buckets: readonly string[]) => void): () => void
  close(): Promise<void>
}

/** Names of the buckets; rows of a shape lie in a bucket of their own. */
export const buckets = {
  outbox: 'outbox',
  attention: 'attention',
  notices: 'notices',
  shapes: 'shapes',
  meta: 'meta',
  rows: (shapeId: string) => `rows/${shapeId}`,
} as const

/** The value under `key`, or undefined. */
export const readValue = async (store: Store, bucket: string, key: string): Promise<unknown> =>
  (await store.all(bucket)).find(entry => entry.key === key)?.value
