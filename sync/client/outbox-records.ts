// The outbox as it lies in the store: a list in memory that is never ahead of the disk.
import type { Attention, Notice, Pending } from './outbox-types.ts'
import { buckets, type Store, type StoreWrite } from './store.ts'

export interface Records {
  /** By id, which is the order in which they were made. */
  readonly pending: Map<string, Pending>
  readonly attention: Map<string, Attention>
  readonly notices: Map<string, Notice>
}

const load = async <Value>(store: Store, bucket: string): Promise<Map<string, Value>> =>
  new Map((await store.all(bucket)).map(({ key, value }) => [key, value as Value]))

/** Reads everything; also to look again after another tab has written. */
export const loadRecords = async (store: Store): Promise<Records> => ({
  pending: await load<Pending>(store, buckets.outbox),
  attention: await load<Attention>(store, buckets.attention),
  notices: await load<Notice>(store, buckets.notices),
})

export const putPending = (value: Pending): StoreWrite => ({ op: 'put', bucket: buckets.outbox, key: value.id, value })
export const deletePending = (id: string): StoreWrite => ({ op: 'delete', bucket: buckets.outbox, key: id })
export const putAttention = (value: Attention): StoreWrite => ({
  op: 'put',
  bucket: buckets.attention,
  key: value.transaction.id,
  value,
})
export const deleteAttention = (id: string): StoreWrite => ({ op: 'delete', bucket: buckets.attention, key: id })
export const putNotice = (value: Notice): StoreWrite => ({
  op: 'put',
  bucket: buckets.notices,
  key: value.transaction.id,
  value,
})
export const deleteNotice = (id: string): StoreWrite => ({ op: 'delete', bucket: buckets.notices, key: id })

/** Does to `records` what `writes` did to the store. */
export const follow = (records: Records, writes: readonly StoreWrite[]): void => {
  const maps: Record<string, Map<string, unknown>> = {
    [buckets.outbox]: records.pending,
    [buckets.attention]: records.attention,
    [buckets.notices]: records.notices,
  }
  for (const write of writes) {
    const map = maps[write.bucket]
    if (write.op === 'put') map?.set(write.key, write.value)
    else if (write.op === 'delete') map?.delete(write.key)
  }
}

/** In the order they were made, wherever they were inserted. */
export const inOrder = <Value>(map: ReadonlyMap<string, Value>): Value[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
