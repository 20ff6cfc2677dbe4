// Everything together: API, outbox and replica over one store that belongs to one person.
import { type Api, type ApiOptions, createApi } from './api.ts'
import { shapeOfCommand } from './apply.ts'
import type { BackoffOptions } from './backoff.ts'
import type { Collection } from './collection.ts'
import { ApiError, ClientError, NetworkError } from './errors.ts'
import { type Committed, Outbox } from './outbox.ts'
import { Replica } from './replica.ts'
import { buckets, readValue, type Store } from './store.ts'
import { createSyncSocket } from './sync-socket.ts'
import type { Mutation, ShapeRows, Transaction } from './types.ts'

export interface ClientOptions extends ApiOptions {
  readonly store: Store
  readonly backoff?: BackoffOptions
  readonly random?: () => number
  /** See ReplicaOptions. */
  readonly settleMs?: number
}

export interface Client {
  readonly api: Api
  readonly outbox: Outbox
  /** Rows of a shape (`tasks`, { application_id }), kept up to date. */
  readonly follow: Replica['follow']
  readonly leave: Replica['leave']
  /** Queues a transaction; resolves when it is on disk. */
  commit(...mutations: readonly Mutation[]): Promise<Committed>
  /** A new id for a row that a `*.create` of this client makes. */
  newId(): string
  /**
   * Goes on after a sign-in. Rejects with ClientError `other_person` when the session is not that of the person whose
   * queue and rows lie in the store: nothing is sent and nothing is lost. With cookies there is no token.
   */
  resume(token?: string): Promise<void>
  /** Tries now what waits for its next try. */
  wake(): void
  /** Ends requests and timers and closes the store. What is queued is sent by the next client on it. */
  close(): Promise<void>
}

interface Person {
  readonly id: string
  readonly name: string
}

const pathOf: Readonly<Record<string, string>> = {
  tasks: '/api/tasks',
  projects: '/api/projects',
  application: '/api/applications',
}

/** Opens the store's content and starts sending. Rows and queue are there before the network is. */
export const createClient = async (options: ClientOptions): Promise<Client> => {
  const { store } = options
  // a fetch of the caller's own is the only way there is
  const socket = options.fetch ? undefined : createSyncSocket({ url: options.url, fetch: (...args) => fetch(...args) })
  const api = createApi({ ...options, ...(socket ? { fetch: socket.fetch } : {}) })
  let person = (await readValue(store, buckets.meta, 'person')) as Person | undefined
  api.clock.offset = ((await readValue(store, buckets.meta, 'clock_offset')) as number | undefined) ?? 0
  let storedOffset = api.clock.offset

  const keepOffset = async (): Promise<void> => {
    const { offset } = api.clock
    if (Math.abs(offset - storedOffset) < 500) return
    storedOffset = offset
    await store.write([{ op: 'put', bucket: buckets.meta, key: 'clock_offset', value: offset }])
  }

  let checked: { token: string | undefined; done: Promise<void> } | undefined
  const checkPerson = async (): Promise<void> => {
    const user = await api.me()
    if (person !== undefined && person.id !== user.id) {
      throw new ClientError('other_person', 'This store belongs to another account.')
    }
    if (person?.name !== user.display_name) {
      person = { id: user.id, name: user.display_name }
      await store.write([{ op: 'put', bucket: buckets.meta, key: 'person', value: person }])
    }
    await keepOffset()
  }
  /** Once per session: is this the person to whom the store belongs? */
  const identify = (): Promise<void> => {
    const { token } = api.session
    if (checked?.token === token && checked !== undefined) return checked.done
    const done = checkPerson()
    const mine = { token, done }
    checked = mine
    done.catch(() => {
      if (checked === mine) checked = undefined
    })
    return done
  }

  const currentRow = async (transaction: Transaction, index: number): Promise<unknown> => {
    const mutation = transaction.mutations[index]
    const shape = mutation && shapeOfCommand(mutation.name)
    const id = mutation?.args.id
    if (shape === undefined || typeof id !== 'string') return null
    const path = pathOf[shape]
    if (path === undefined) return replica.synced(shape, id) ?? null
    try {
      return (await api.get<{ data: unknown }>(`${path}/${id}`)).data
    } catch (error) {
      if (error instanceof ApiError && error.code === 'not_found') return null
      return replica.synced(shape, id) ?? null
    }
  }

  const outbox = new Outbox({ ...options, api, identify, currentRow, keepApplied: true })
  const replica = new Replica({
    ...options,
    api: {
      url: api.url,
      session: api.session,
      fetch: async (input, init) => {
        await identify()
        return api.fetch(input, init)
      },
    },
    outbox,
    person: () => ({ userId: person?.id, userName: person?.name }),
  })
  await outbox.open()
  const ends = [
    // a session that ended and came back may be somebody else's, also with the same cookie jar
    api.session.subscribe(() => {
      if (api.session.state !== 'signed_out') return
      checked = undefined
      // it was opened with the cookie of the session that has ended
      socket?.reset()
    }),
    outbox.subscribe(({ type }) => void (type === 'applied' && keepOffset().catch(() => undefined))),
  ]
  const wake = () => {
    // the network may be another one, on which the socket is dead without knowing it
    socket?.reset()
    outbox.wake()
    replica.wake()
  }
  if (typeof window === 'object') {
    window.addEventListener('online', wake)
    ends.push(() => window.removeEventListener('online', wake))
  }
  outbox.start()

  return {
    api,
    outbox,
    follow: ((shape: keyof ShapeRows, params?: Readonly<Record<string, string>>) =>
      replica.follow(shape, params)) as Replica['follow'],
    leave: (collection: Collection<never>) => replica.leave(collection),
    commit: (...mutations) => outbox.commit(mutations),
    newId: () => outbox.newId(),
    resume: async token => {
      checked = undefined
      api.session.resume(token)
      try {
        await identify()
      } catch (error) {
        // offline: the queue will ask again before it sends
        if (!(error instanceof NetworkError)) throw error
      }
    },
    wake,
    close: async () => {
      for (const end of ends) end()
      await Promise.all([replica.close(), outbox.close()])
      socket?.close()
      await store.close()
    },
  }
}
