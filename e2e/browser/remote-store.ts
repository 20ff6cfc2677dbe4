// A store in a browser tab with a handle in Node, so that the contract of all stores runs against IndexedDB itself.
import type { Page } from 'playwright'
import type { Store, StoreEntry, StoreWrite } from '#sync/client/store.ts'

declare global {
  interface Window {
    store: Store
    turns: Record<string, AbortController>
  }
}

/** What structured cloning to the tab cannot carry is named here and made there. */
const sendable = (write: StoreWrite): unknown =>
  write.op === 'put' && typeof write.value === 'function' ? { ...write, value: '$function' } : write

/** Opens the store `name` in `page`, a tab of its own on the example's page. */
export const openRemoteStore = async (page: Page, name: string): Promise<Store> => {
  await page.evaluate(async which => {
    window.store = await window.skerry.openIndexedDbStore(which)
    window.turns = {}
  }, name)
  let counter = 0
  const heard = new Set<(buckets: readonly string[]) => void>()
  await page.exposeFunction('heard', (buckets: string[]) => {
    for (const listener of heard) listener(buckets)
  })
  await page.evaluate(() => {
    const tell = (window as unknown as { heard: (buckets: readonly string[]) => void }).heard
    window.store.subscribe(tell)
  })
  return {
    all: bucket => page.evaluate(which => window.store.all(which), bucket) as Promise<StoreEntry[]>,
    write: writes =>
      page.evaluate(async sent => {
        const made = sent.map(write =>
          write.op === 'put' && write.value === '$function' ? { ...write, value: () => undefined } : write,
        )
        await window.store.write(made)
      }, writes.map(sendable) as StoreWrite[]),
    exclusive: async (lock, signal, run) => {
      const turn = `turn${(counter += 1)}`
      await page.exposeFunction(turn, run)
      const abort = () => void page.evaluate(which => window.turns[which]?.abort(), turn).catch(() => undefined)
      signal.addEventListener('abort', abort, { once: true })
      await page.evaluate(
        async ([which, key, aborted]) => {
          const controller = new AbortController()
          window.turns[key] = controller
          if (aborted) controller.abort()
          const call = (window as unknown as Record<string, () => Promise<void>>)[key]
          if (call) await window.store.exclusive(which, controller.signal, call)
        },
        [lock, turn, signal.aborted] as const,
      )
      signal.removeEventListener('abort', abort)
    },
    subscribe: listener => {
      heard.add(listener)
      return () => void heard.delete(listener)
    },
    close: async () => {
      if (page.isClosed()) return
      await page.evaluate(() => window.store.close())
      await page.close()
    },
  }
}
