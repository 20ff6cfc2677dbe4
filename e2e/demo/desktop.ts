// One desktop client: the library over the official Electric client, a store in a file, and a network to cut.
import { pause } from '#server/kernel/lifecycle.ts'
import { type Client, createClient } from '#sync/client/client.ts'
import type { Collection } from '#sync/client/collection.ts'
import { openNodeStore } from '#sync/client/node-store.ts'
import type { AnyRow, ShapeRows } from '#sync/client/types.ts'
import type { Person } from './people.ts'

/** Shapes that a board needs, in the order of their parents. */
export const boardShapes = [
  'application',
  'application_members',
  'projects',
  'project_members',
  'project_aggregates',
  'task_statuses',
  'tasks',
  'checklists',
  'checklist_items',
  'comments',
  'mentions',
] as const
export type BoardShape = (typeof boardShapes)[number]

export interface Network {
  readonly fetch: typeof fetch
  /** Cuts what is open and refuses the rest. */
  goOffline(): void
  goOnline(): void
}

/** `fetch` with a plug. */
const createNetwork = (): Network => {
  let plug = new AbortController()
  let online = true
  return {
    fetch: async (input, init) => {
      if (!online) throw new TypeError('fetch failed: the network is unplugged')
      const signals = [plug.signal, ...(init?.signal ? [init.signal] : [])]
      return fetch(input, { ...init, signal: AbortSignal.any(signals) })
    },
    goOffline: () => {
      online = false
      plug.abort(new TypeError('fetch failed: the network was unplugged'))
    },
    goOnline: () => {
      plug = new AbortController()
      online = true
    },
  }
}

export interface Desktop {
  readonly person: Person
  readonly client: Client
  readonly network: Network
  readonly shapes: ReadonlyMap<BoardShape, Collection<AnyRow>>
  readonly firstSync: { readonly ms: number; readonly rows: number; readonly shapes: number }
}

/** Opens a client on `file` and waits for its first complete copy. */
export const openDesktop = async (
  url: string,
  person: Person,
  applicationId: string,
  file: string,
): Promise<Desktop> => {
  const network = createNetwork()
  const begin = performance.now()
  const client = await createClient({
    url,
    token: person.token,
    store: openNodeStore(file),
    fetch: network.fetch,
    clientName: 'demo/1',
    backoff: { initialMs: 100, maxMs: 1000 },
  })
  const shapes = new Map<BoardShape, Collection<AnyRow>>()
  for (const shape of boardShapes) {
    shapes.set(
      shape,
      (await client.follow(shape as keyof ShapeRows, { application_id: applicationId })) as Collection<AnyRow>,
    )
  }
  await Promise.all([...shapes.values()].map(collection => collection.ready()))
  const rows = [...shapes.values()].reduce((sum, collection) => sum + collection.rows().length, 0)
  return { person, client, network, shapes, firstSync: { ms: performance.now() - begin, rows, shapes: shapes.size } }
}

/** Waits for `condition`; throws, naming it, after `deadlineMs`. */
export const until = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
): Promise<void> => {
  const deadline = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`)
    await pause(20)
  }
}
