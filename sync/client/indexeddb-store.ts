// A store in the browser's IndexedDB. Tabs share it: each writes for itself, one at a time sends (Web Locks), and all
// hear of the others' writes (BroadcastChannel).
import type { Store, StoreEntry, StoreWrite } from './store.ts'

const table = 'entries'

const done = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve())
    transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('The transaction was aborted.')))
  })

const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error ?? new Error('IndexedDB refused the request.')))
  })

const open = (name: string): Promise<IDBDatabase> => {
  const request = indexedDB.open(name, 1)
  request.addEventListener('upgradeneeded', () => {
    request.result.createObjectStore(table, { keyPath: ['bucket', 'key'] })
  })
  return result(request)
}

// arrays sort after strings: everything that begins with this bucket
const wholeBucket = (bucket: string): IDBKeyRange => IDBKeyRange.bound([bucket], [bucket, []])

const apply = (store: IDBObjectStore, write: StoreWrite): void => {
  if (write.op === 'put') store.put({ bucket: write.bucket, key: write.key, value: write.value })
  else if (write.op === 'delete') store.delete([write.bucket, write.key])
  else store.delete(wholeBucket(write.bucket))
}

/** Opens or creates the database `name`. Rejects where the browser forbids storage (private windows of some). */
export const openIndexedDbStore = async (name: string): Promise<Store> => {
  const database = await open(name)
  const channel = new BroadcastChannel(`skerry/${name}`)
  // another tab that wants to upgrade or delete the database must not wait for this one
  database.addEventListener('versionchange', () => database.close())
  return {
    all: async bucket => {
      const store = database.transaction(table, 'readonly').objectStore(table)
      const rows = (await result(store.getAll(wholeBucket(bucket)))) as (StoreEntry & { bucket: string })[]
      return rows.map(({ key, value }) => ({ key, value }))
    },
    write: async writes => {
      if (writes.length === 0) return
      const transaction = database.transaction(table, 'readwrite', { durability: 'strict' })
      const store = transaction.objectStore(table)
      try {
        for (const write of writes) apply(store, write)
      } catch (error) {
        // a value that cannot be stored throws at once; what was asked for before it would be committed
        transaction.abort()
        throw error
      }
      await done(transaction)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target origin
      channel.postMessage([...new Set(writes.map(write => write.bucket))])
    },
    exclusive: async (lock, signal, run) => {
      try {
        await navigator.locks.request(`skerry/${name}/${lock}`, { signal }, run)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    subscribe: listener => {
      const hear = (event: MessageEvent<readonly string[]>) => listener(event.data)
      channel.addEventListener('message', hear)
      return () => channel.removeEventListener('message', hear)
    },
    close: async () => {
      channel.close()
      database.close()
    },
  }
}
