// The IndexedDB store in a real browser: the contract of all stores, and what tabs owe each other.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { until } from '#server/testing/postgres.ts'
import { storeContract } from '#sync/client/store.contract.ts'
import { openBrowser } from './browser/browser.ts'
import { openRemoteStore } from './browser/remote-store.ts'
import { type Site, serveSite } from './browser/site.ts'
import { findProgram } from './debian/packages.ts'

describe.runIf(inject('missingPrograms').chromium === undefined)('IndexedDB', () => {
  let folder = ''
  let site: Site
  let browser: BrowserContext

  const open = async (name: string) => {
    const page = await browser.newPage()
    await page.goto(site.origin)
    await page.waitForFunction(() => 'skerry' in window)
    return { page, store: await openRemoteStore(page, name) }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-browser-'))
    site = await serveSite()
    browser = await openBrowser(must(findProgram('chromium')), folder)
  })
  afterAll(async () => {
    await browser.close()
    await site.close()
    rmSync(folder, { recursive: true, force: true })
  })

  storeContract('IndexedDB', { open: async name => (await open(name)).store })

  test('a write of one tab is heard and seen in the other', async () => {
    const [one, other] = [await open('shared'), await open('shared')]
    const heard: string[] = []
    other.store.subscribe(buckets => void heard.push(...buckets))
    const own: string[] = []
    one.store.subscribe(buckets => void own.push(...buckets))
    await one.store.write([
      { op: 'put', bucket: 'a', key: 'x', value: 1 },
      { op: 'put', bucket: 'b', key: 'y', value: 2 },
    ])
    await until('the other tab has heard', () => heard.length > 0)
    expect(heard).toEqual(['a', 'b'])
    expect(own).toEqual([])
    expect(await other.store.all('a')).toEqual([{ key: 'x', value: 1 }])
    await Promise.all([one.store.close(), other.store.close()])
  })

  test('a turn passes on when its tab is closed, also without a farewell', async () => {
    const [one, other] = [await open('turns'), await open('turns')]
    const turns: string[] = []
    const forever = new AbortController().signal
    const first = one.store
      .exclusive('x', forever, () => {
        turns.push('one')
        return new Promise(() => undefined)
      })
      .catch(() => 'closed')
    await until('the first has its turn', () => turns.length === 1)
    const second = other.store.exclusive('x', forever, async () => void turns.push('other'))
    // a turn of another name does not wait
    await other.store.exclusive('y', forever, async () => void turns.push('y'))
    expect(turns).toEqual(['one', 'y'])
    await one.page.close()
    await second
    expect(await first).toBe('closed')
    expect(turns).toEqual(['one', 'y', 'other'])
    await other.store.close()
  })
})
