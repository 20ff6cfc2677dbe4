// The client library in a real browser, under the example board: offline, reloaded, killed, in two tabs at once.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { testPassword } from '#server/testing/server.ts'
import { until } from '#server/testing/postgres.ts'
import { type Board, type ClientStack, newId, type Person, startClientStack } from '#sync/client/testing/stack.ts'
import { mutation, type Mutation, type Task } from '#sync/client/types.ts'
import { openBrowser } from './browser/browser.ts'
import { createNetwork, type Network } from './browser/network.ts'
import { type Site, serveSite } from './browser/site.ts'
import { findProgram } from './debian/packages.ts'

describe.runIf(inject('missingPrograms').chromium === undefined)('the client in a browser', () => {
  let site: Site
  let stack: ClientStack
  let network: Network
  let ann: Person
  let board: Board
  let folder = ''
  let browser: BrowserContext

  const start = () => openBrowser(must(findProgram('chromium')), folder)

  /** A tab with the board; `token` undefined: with the browser's cookie. */
  const openTab = async (token: string | undefined = ann.token): Promise<Page> => {
    const page = await browser.newPage()
    const settings = new URLSearchParams({ url: network.url, application: board.applicationId })
    if (token !== undefined && token !== '') settings.set('token', token)
    await page.goto(`${site.origin}/#${settings}`)
    await page.waitForFunction(() => 'skerry' in window)
    return page
  }

  const commit = (page: Page, ...mutations: Mutation[]): Promise<string> =>
    page.evaluate(async sent => (await (await window.skerry.opened()).client.commit(...sent)).id, mutations)

  const rows = (page: Page): Promise<Task[]> =>
    page.evaluate(async () =>
      [...(await window.skerry.opened()).tasks.rows()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    )

  const state = (page: Page): Promise<{ outbox: string; queued: number; tasks: string }> =>
    page.evaluate(async () => {
      const { client, tasks } = await window.skerry.opened()
      return { outbox: client.outbox.state, queued: client.outbox.pending().length, tasks: tasks.state }
    })

  const isDone = async (page: Page): Promise<void> => {
    await until('the queue is empty', async () => (await state(page)).queued === 0)
    const refused = await page.evaluate(async () => (await window.skerry.opened()).client.outbox.attention())
    expect(refused).toEqual([])
  }

  const titles = (page: Page): Promise<string[]> =>
    page.locator('article').evaluateAll(cards => cards.map(card => card.firstChild?.textContent ?? ''))

  /** All is sent, and the page shows `count` cards from the server: it may go offline, or be signed out, only then. */
  const isSynced = async (page: Page, count: number): Promise<void> => {
    await isDone(page)
    // what is answered before its shape is followed does not wait for it
    await until('the rows have come', async () => (await rows(page)).length === count)
    // cards stand in columns, which are rows of another shape
    await until('they are drawn', async () => (await titles(page)).length === count)
  }

  const onServer = async (): Promise<Task[]> => {
    const answer = await ann.get(`/api/projects/${board.projectId}/tasks?limit=200`)
    return (answer.body as { data: Task[] }).data.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  const create = (title: string) => {
    const id = newId()
    return { id, edit: mutation('task.create', { id, project_id: board.projectId, title }) }
  }

  /** The browser knows, and the network is really gone. */
  const goOffline = async (): Promise<void> => {
    network.cut()
    await browser.setOffline(true)
  }

  const goOnline = async (): Promise<void> => {
    network.mend()
    await browser.setOffline(false)
  }

  const startStack = async (longPollMs?: number): Promise<void> => {
    stack = await startClientStack({ origins: [site.origin], ...(longPollMs === undefined ? {} : { longPollMs }) })
    network = await createNetwork(stack.server.url)
    ann = await stack.person('ann')
    board = await ann.makeBoard()
  }

  const stopStack = async (): Promise<void> => {
    await network.close()
    await stack.close()
  }

  beforeAll(async () => {
    site = await serveSite()
  })
  afterAll(() => site.close())

  beforeEach(async () => {
    await startStack()
    folder = mkdtempSync(join(tmpdir(), 'skerry-browser-'))
    browser = await start()
  })
  afterEach(async () => {
    await browser.close()
    await stopStack()
    rmSync(folder, { recursive: true, force: true })
  })

  test('edits made without a network are there after a reload, and are sent when it is back', async () => {
    const page = await openTab()
    const one = create('Paint the pier')
    await commit(page, one.edit, create('Oil the crane').edit)
    await isSynced(page, 2)
    await page.evaluate(() => navigator.serviceWorker.ready)

    await goOffline()
    await commit(page, mutation('task.update', { id: one.id, title: 'Paint both piers' }))
    await commit(page, create('Count the gulls').edit)
    await until('the page has noticed', async () => (await state(page)).outbox === 'waiting')
    await page.reload()
    await page.waitForFunction(() => document.querySelectorAll('article').length === 3)
    expect((await titles(page)).toSorted()).toEqual(['Count the gulls', 'Oil the crane', 'Paint both piers'])
    expect(await page.locator('article[data-pending=true]').count()).toBe(2)
    expect(await page.locator('#queue').textContent()).toBe('2 waiting to be sent')
    expect((await onServer()).map(task => task.title).toSorted()).toEqual(['Oil the crane', 'Paint the pier'])

    await goOnline()
    await isDone(page)
    const truth = await onServer()
    expect(truth).toHaveLength(3)
    expect(truth.find(task => task.id === one.id)?.title).toBe('Paint both piers')
    await until(
      'the page shows what the server has',
      async () => JSON.stringify(await rows(page)) === JSON.stringify(truth),
    )
  })

  test('a browser that is killed after commit has resolved still has the edit', async () => {
    const page = await openTab()
    await commit(page, create('Before').edit)
    await isSynced(page, 1)
    await goOffline()
    const late = create('Typed a moment ago')
    const id = await commit(page, late.edit)
    // all its processes, as when the machine is switched off
    const gone = browser.waitForEvent('close')
    spawnSync('pkill', ['-9', '-f', folder])
    await gone

    network.mend()
    browser = await start()
    const again = await openTab()
    await until('the edit has arrived', async () => (await onServer()).some(task => task.id === late.id))
    await isDone(again)
    const answer = await ann.get(`/api/transactions/${id}`)
    expect(answer.body).toMatchObject({ data: { status: 'applied' } })
    expect((await onServer()).filter(task => task.title === 'Typed a moment ago')).toHaveLength(1)
  })

  test('of two tabs one sends, both show everything, and the other takes over when it is closed', async () => {
    const first = await openTab()
    const one = create('Made in the first tab')
    await commit(first, one.edit)
    await isDone(first)
    const second = await openTab()
    await until('the second tab shows it', async () => (await rows(second)).length === 1)
    expect(await state(second)).toMatchObject({ outbox: 'standby', tasks: 'standby' })

    await commit(second, mutation('task.update', { id: one.id, title: 'Renamed in the second tab' }))
    await until(
      'it has been sent by the first',
      async () => (await onServer())[0]?.title === 'Renamed in the second tab',
    )
    await Promise.all([isDone(first), isDone(second)])
    await until('both show it', async () =>
      [...(await rows(first)), ...(await rows(second))].every(task => task.title === 'Renamed in the second tab'),
    )

    await first.close()
    const two = create('After the first was closed')
    await commit(second, two.edit)
    await until('the second sends now', async () => (await onServer()).length === 2)
    await isDone(second)
    expect(await state(second)).toMatchObject({ outbox: 'idle', tasks: 'live' })
    expect(await rows(second)).toEqual(await onServer())
  })

  test('two browsers edit the same card, one of them offline, and converge', async () => {
    const bo = await stack.person('bo')
    await ann.invite(bo, board)
    const device = await bo.open()
    const tasks = await device.follow('tasks', { application_id: board.applicationId })
    const page = await openTab()
    const one = create('Shared card')
    await commit(page, one.edit)
    await isDone(page)
    await until('the other has it', () => tasks.get(one.id) !== undefined)

    await goOffline()
    await commit(page, mutation('task.update', { id: one.id, priority: 'high' }))
    await (await device.commit(mutation('task.update', { id: one.id, title: 'Renamed meanwhile' }))).outcome
    await goOnline()
    await isDone(page)
    await until('both show both', async () => {
      const mine = (await rows(page))[0]
      const theirs = tasks.get(one.id)
      return [mine, theirs].every(task => task?.title === 'Renamed meanwhile' && task.priority === 'high')
    })
    await device.close()
  })

  test('with a cookie instead of a token: a sign-out pauses the queue, a sign-in resumes it', async () => {
    const signIn = (page: Page) =>
      page.evaluate(
        async ([url, password]) => {
          await fetch(`${url}/auth/login`, {
            method: 'POST',
            credentials: 'include',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ email: 'ann@example.com', password }),
          })
        },
        [network.url, testPassword] as const,
      )
    const door = await browser.newPage()
    await door.goto(site.origin)
    await signIn(door)
    const page = await openTab('')
    await commit(page, create('Signed in').edit)
    await isSynced(page, 1)

    await door.evaluate(url => fetch(`${url}/auth/logout`, { method: 'POST', credentials: 'include' }), network.url)
    await commit(page, create('Signed out').edit)
    await until('the queue has stopped', async () => (await state(page)).outbox === 'signed_out')
    expect((await state(page)).queued).toBe(1)
    expect(await onServer()).toHaveLength(1)
    // the page draws in its own time
    await until('both are drawn', async () => (await titles(page)).length === 2)
    expect((await titles(page)).toSorted()).toEqual(['Signed in', 'Signed out'])

    await signIn(door)
    await page.evaluate(async () => (await window.skerry.opened()).client.resume())
    await isDone(page)
    expect(await onServer()).toHaveLength(2)
  })

  test('34 live shapes leave the six connections of a browser free for a write', async () => {
    // as in production: a poll without news holds its connection for twenty seconds
    await stopStack()
    await startStack(20_000)
    const page = await openTab()
    await page.evaluate(async applicationId => {
      const { client } = await window.skerry.opened()
      const scopes = Array.from({ length: 16 }, (_, n) => ({
        application_id: applicationId,
        ...(n === 0 ? {} : { project_id: client.newId() }),
      }))
      const followed = await Promise.all(
        scopes.flatMap(scope => [client.follow('checklists', scope), client.follow('comments', scope)]),
      )
      const isLive = () => followed.every(shape => shape.state === 'live')
      await new Promise<void>(resolve => {
        const look = () => void (isLive() && resolve())
        for (const shape of followed) shape.subscribe(look)
        look()
      })
    }, board.applicationId)
    await commit(page, create('Written all the same').edit)
    await until('the write is there', async () => (await onServer()).length === 1, 5000)
    await until('the shape has it', async () => (await state(page)).queued === 0, 5000)
  })

  test('rows go from the screen and from the store when access ends', async () => {
    const bo = await stack.person('bo')
    await ann.invite(bo, board)
    await ann.post(`/api/projects/${board.projectId}/tasks`, { title: 'Seen for a while' })
    const page = await openTab(bo.token)
    await until('the card is there', async () => (await titles(page)).length === 1)
    const gone = await ann.delete(`/api/applications/${board.applicationId}/members/${bo.userId}`)
    expect(gone.status).toBe(200)
    await until('the shape is gone', async () => (await state(page)).tasks === 'gone')
    expect(await rows(page)).toEqual([])
    await page.reload()
    await page.waitForFunction(() => 'skerry' in window)
    await until('nothing comes back', async () => (await state(page)).tasks === 'gone')
    expect(await titles(page)).toEqual([])
  })
})
