// What every store must do. Each implementation registers this suite.
import { afterEach, expect, test } from 'vitest'
import type { Store } from './store.ts'

export interface StoreUnderTest {
  /** Opens the store `name`; the same content again after a close. */
  open(name: string): Promise<Store>
}

const put = (bucket: string, key: string, value: unknown) => ({ op: 'put' as const, bucket, key, value })

/** Registers the suite under `name`. */
export const storeContract = (name: string, tested: StoreUnderTest): void => {
  const opened: Store[] = []
  let counter = 0
  const start = async (which = `s${(counter += 1)}`) => {
    const store = await tested.open(which)
    opened.push(store)
    return { store, which }
  }

  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })

  test(`${name}: entries come back by key, each bucket on its own`, async () => {
    const { store } = await start()
    await store.write([
      put('a', 'b', 2),
      put('a', 'a', { deep: [1, null, 'ü'] }),
      put('a', 'Z', true),
      put('ab', 'x', 9),
    ])
    expect(await store.all('a')).toEqual([
      { key: 'Z', value: true },
      { key: 'a', value: { deep: [1, null, 'ü'] } },
      { key: 'b', value: 2 },
    ])
    expect(await store.all('ab')).toEqual([{ key: 'x', value: 9 }])
    expect(await store.all('none')).toEqual([])
  })

  test(`${name}: writes of a batch take effect in order`, async () => {
    const { store } = await start()
    await store.write([put('a', 'old', 1), put('b', 'stays', 1)])
    await store.write([
      { op: 'clear', bucket: 'a' },
      put('a', 'x', 1),
      put('a', 'x', 2),
      put('a', 'y', 1),
      { op: 'delete', bucket: 'a', key: 'y' },
      { op: 'delete', bucket: 'a', key: 'never' },
    ])
    expect(await store.all('a')).toEqual([{ key: 'x', value: 2 }])
    expect(await store.all('b')).toEqual([{ key: 'stays', value: 1 }])
  })

  test(`${name}: a batch that cannot be kept leaves no trace`, async () => {
    const { store } = await start()
    const unkeepable = put('a', 'bad', () => undefined)
    await expect(store.write([put('a', 'good', 1), { ...unkeepable, value: 10n ** 20n }, unkeepable])).rejects.toThrow()
    expect(await store.all('a')).toEqual([])
    await store.write([put('a', 'after', 1)])
    expect(await store.all('a')).toEqual([{ key: 'after', value: 1 }])
  })

  test(`${name}: everything is there after a close`, async () => {
    const { store, which } = await start()
    await Promise.all([1, 2, 3].map(n => store.write([put('a', 'x', n), put('a', `k${n}`, n)])))
    await store.close()
    opened.splice(opened.indexOf(store), 1)
    const again = await start(which)
    expect(await again.store.all('a')).toEqual([
      { key: 'k1', value: 1 },
      { key: 'k2', value: 2 },
      { key: 'k3', value: 3 },
      { key: 'x', value: 3 },
    ])
  })

  test(`${name}: a turn that is given up is not taken`, async () => {
    const { store } = await start()
    const gone = AbortSignal.abort()
    let ran = false
    await store.exclusive('x', gone, async () => {
      ran = true
    })
    expect(ran).toBe(false)
    await store.exclusive('x', new AbortController().signal, async () => {
      ran = true
    })
    expect(ran).toBe(true)
  })
}
