// Live shapes over one socket, against the real server: by the official client through `fetchClient`, and by ours.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Message, ShapeStream, type ShapeStreamOptions } from '@electric-sql/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { until } from '#server/testing/postgres.ts'
import { createSyncSocket, type SyncSocket } from './sync-socket.ts'
import { type Board, type ClientStack, type Person, startClientStack } from './testing/stack.ts'
import { mutation } from './types.ts'

let stack: ClientStack
let ann: Person
let board: Board
const ends: (() => unknown)[] = []

beforeEach(async () => {
  stack = await startClientStack()
  ann = await stack.person('ann')
  board = await ann.makeBoard()
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await stack.close()
})

interface Tap {
  readonly socket: SyncSocket
  /** URLs of the requests that went the plain way. */
  readonly plain: string[]
  /** Sockets that were opened. */
  readonly opened: WebSocket[]
}

const tap = (url: string): Tap => {
  const plain: string[] = []
  const opened: WebSocket[] = []
  const socket = createSyncSocket({
    url,
    fetch: (input, init) => {
      plain.push(input instanceof Request ? input.url : String(input))
      return fetch(input, init)
    },
    WebSocket: class extends WebSocket {
      constructor(address: string | URL) {
        super(address)
        opened.push(this)
      }
    },
  })
  ends.push(() => socket.close())
  return { socket, plain, opened }
}

const follow = (
  fetchClient: typeof fetch,
  shape: string,
  url = stack.server.url,
  more: Partial<ShapeStreamOptions> = {},
) => {
  const rows = new Map<string, Record<string, unknown>>()
  const end = new AbortController()
  const state = { upToDate: 0 }
  ends.push(() => end.abort())
  const stream = new ShapeStream({
    url: `${url}/api/shapes/${shape}`,
    params: { application_id: board.applicationId },
    headers: { authorization: `Bearer ${ann.token}` },
    fetchClient,
    signal: end.signal,
    warnOnHttp: false,
    onError: () => undefined,
    ...more,
  })
  stream.subscribe((messages: Message[]) => {
    for (const message of messages) {
      if (!('key' in message)) state.upToDate += message.headers.control === 'up-to-date' ? 1 : 0
      else if (message.headers.operation === 'delete') rows.delete(message.key)
      else rows.set(message.key, { ...rows.get(message.key), ...message.value })
    }
  })
  return { rows, state, titles: () => [...rows.values()].map(row => row.title) }
}

const write = async (title: string): Promise<void> => {
  const answer = await ann.post(`/api/projects/${board.projectId}/tasks`, { title })
  expect(answer.status).toBe(201)
}

const shapes = ['tasks', 'task_statuses', 'comments', 'checklists', 'checklist_items', 'projects', 'mentions']

test.for([false, true])(
  'live requests of many shapes share one socket, the rest goes the plain way (SSE %s)',
  async liveSse => {
    const { socket, plain, opened } = tap(stack.server.url)
    const [tasks, ...others] = shapes.map(shape => follow(socket.fetch, shape, stack.server.url, { liveSse }))
    await until('all are up to date', () => [tasks, ...others].every(one => (one?.state.upToDate ?? 0) > 0))
    for (const title of ['One', 'Two', 'Three']) {
      await write(title)
      await until(`${title} is there`, () => tasks?.titles().includes(title) === true)
    }
    expect(opened).toHaveLength(1)
    expect(plain.length).toBeGreaterThanOrEqual(shapes.length)
    expect(plain.filter(url => url.includes('live=true'))).toEqual([])
  },
)

test('a socket that breaks is replaced, and nothing is missed', async () => {
  const { socket, opened } = tap(stack.server.url)
  const tasks = follow(socket.fetch, 'tasks')
  await until('it is up to date', () => tasks.state.upToDate > 0)
  await until('it is live', () => opened.length === 1)
  for (const [round, title] of ['One', 'Two', 'Three'].entries()) {
    if (round % 2 === 0) opened.at(-1)?.close()
    else socket.reset()
    await write(title)
    await until(`${title} is there`, () => tasks.titles().includes(title))
  }
  expect(opened.length).toBeGreaterThan(1)
})

test('an aborted request ends on the server, and the next one works', async () => {
  const { socket, opened } = tap(stack.server.url)
  const url = `${stack.server.url}/api/shapes/tasks?application_id=${board.applicationId}`
  const headers = { authorization: `Bearer ${ann.token}` }
  const first = await socket.fetch(`${url}&offset=-1`, { headers })
  const [handle, offset] = [first.headers.get('electric-handle'), first.headers.get('electric-offset')]
  const next = await socket.fetch(`${url}&offset=${offset}&handle=${handle}`, { headers })
  const live = `${url}&offset=${next.headers.get('electric-offset')}&handle=${handle}&live=true`
  const abort = new AbortController()
  const given = socket.fetch(live, { headers, signal: abort.signal })
  await until('a socket is open', () => opened[0]?.readyState === WebSocket.OPEN)
  abort.abort(new Error('given up'))
  await expect(given).rejects.toThrow('given up')
  const answer = socket.fetch(live, { headers })
  await write('Seen')
  expect(await (await answer).text()).toContain('"Seen"')
  // an abort before the socket is asked
  await expect(socket.fetch(live, { headers, signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early')
  expect(opened).toHaveLength(1)
})

test('a right that ends reaches the open request within a second, over the socket as well', async () => {
  const bo = await stack.person('bo')
  await ann.invite(bo, board)
  const device = await bo.open()
  ends.push(() => device.close())
  const tasks = await device.follow('tasks', { application_id: board.applicationId })
  await tasks.ready()
  await until('it is live', () => tasks.state === 'live')
  await ann.delete(`/api/applications/${board.applicationId}/members/${bo.userId}`)
  await until('it is gone', () => tasks.state === 'gone', 1500)
})

const withoutSockets = async (listener: RequestListener): Promise<string> => {
  const server: Server = createServer(listener)
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('behind a proxy that knows no sockets everything goes the plain way', async () => {
  const proxy = await withoutSockets((request, response) => {
    const relay = async () => {
      const headers = { authorization: `Bearer ${ann.token}` }
      const answer = await fetch(`${stack.server.url}${request.url}`, { headers })
      const body = Buffer.from(await answer.arrayBuffer())
      const kept = [...answer.headers].filter(([name]) => name.startsWith('electric-') || name === 'content-type')
      response.writeHead(answer.status, Object.fromEntries(kept)).end(body)
    }
    // a poll that is still held when the server behind it ends is cut, as it would be by any proxy
    relay().catch((error: unknown) => response.destroy(error as Error))
  })
  const { socket, plain, opened } = tap(proxy)
  const tasks = follow(socket.fetch, 'tasks', proxy)
  await until('it is up to date', () => tasks.state.upToDate > 0)
  for (const title of ['One', 'Two']) {
    await write(title)
    await until(`${title} is there`, () => tasks.titles().includes(title))
  }
  expect(plain.some(url => url.includes('live=true'))).toBe(true)
  // asked once, not with every poll
  expect(opened).toHaveLength(1)
})

test('our own client uses it, unless it is given a fetch of its own', async () => {
  let opened = 0
  const Original = WebSocket
  vi.stubGlobal(
    'WebSocket',
    class extends Original {
      constructor(address: string | URL) {
        super(address)
        opened += 1
      }
    },
  )
  ends.push(() => vi.unstubAllGlobals())
  const open = async (device: string, options: { fetch?: typeof fetch } = {}) => {
    const client = await ann.open(device, options)
    ends.push(() => client.close())
    const scope = { application_id: board.applicationId }
    const shapes = [await client.follow('tasks', scope), await client.follow('comments', scope)]
    await until('both are live', () => shapes.every(shape => shape.state === 'live'))
    const create = mutation('task.create', { id: client.newId(), project_id: board.projectId, title: device })
    expect(await (await client.commit(create)).outcome).toMatchObject({ status: 'applied' })
    await until('the shape has it', () => client.outbox.pending().length === 0)
  }
  await open('plain', { fetch: (...args) => fetch(...args) })
  expect(opened).toBe(0)
  await open('socket')
  expect(opened).toBe(1)
})
