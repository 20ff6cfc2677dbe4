// One device of one person: a real client on a store in a file, which can die and come back.
import type { Client } from '#sync/client/client.ts'
import { createClient } from '#sync/client/client.ts'
import type { Collection } from '#sync/client/collection.ts'
import { openNodeStore } from '#sync/client/node-store.ts'
import type { Store } from '#sync/client/store.ts'
import type { AnyRow, Mutation, ShapeRows } from '#sync/client/types.ts'
import { type BoardShape, boardShapes } from '../demo/desktop.ts'
import type { Sailor } from '../testing/crew.ts'
import type { Network } from './network.ts'

export interface Device {
  readonly person: Sailor
  readonly name: string
  readonly network: Network
  readonly client: Client
  readonly shapes: ReadonlyMap<BoardShape, Collection<AnyRow>>
  /** Ids of transactions that the client has promised to keep, in order. */
  readonly promised: readonly string[]
  /** Ids of transactions that this person has given up. */
  readonly discarded: ReadonlySet<string>
  rows(shape: BoardShape): readonly AnyRow[]
  /** Queues a transaction; false when the device dies over it. */
  commit(mutations: readonly Mutation[]): Promise<boolean>
  discard(id: string): Promise<void>
  /** Sends a refused one again. */
  retry(id: string): Promise<void>
  open(): Promise<void>
  /** Ends at once: from here on nothing reaches the disk or the network. */
  crash(): Promise<void>
  /** Ends in good order. */
  close(): Promise<void>
}

/** A store that stops writing when its device dies. */
const mortal = (store: Store): { store: Store; die: () => void } => {
  let dead = false
  return {
    store: {
      ...store,
      write: async writes => {
        if (dead) throw new Error('this device is dead')
        return store.write(writes)
      },
    },
    die: () => {
      dead = true
    },
  }
}

export interface DeviceOptions {
  readonly person: Sailor
  readonly name: string
  readonly file: string
  readonly applicationId: string
  readonly network: Network
  /** How wrong its clock is, ms. */
  readonly clockErrorMs: number
  readonly random: () => number
}

/** Describes one; `open` brings it to life. */
export const createDevice = (options: DeviceOptions): Device => {
  const { person, name, network, clockErrorMs, random } = options
  const promised: string[] = []
  const discarded = new Set<string>()
  let life: { client: Client; die: () => void; shapes: Map<BoardShape, Collection<AnyRow>> } | undefined
  const alive = () => {
    if (!life) throw new Error(`${name} is not open`)
    return life
  }
  const promise = async (commit: () => Promise<{ id: string }>): Promise<boolean> => {
    const mine = life
    try {
      promised.push((await commit()).id)
      return true
    } catch (error) {
      if (mine === life) throw error
      return false
    }
  }
  return {
    person,
    name,
    network,
    promised,
    discarded,
    get client() {
      return alive().client
    },
    get shapes() {
      return alive().shapes
    },
    rows: shape => alive().shapes.get(shape)?.rows() ?? [],
    commit: mutations => promise(() => alive().client.commit(...mutations)),
    discard: async id => {
      for (const one of await alive().client.outbox.discard(id)) discarded.add(one.id)
    },
    retry: async id => {
      if (await promise(() => alive().client.outbox.retry(id))) discarded.add(id)
    },
    open: async () => {
      const { store, die } = mortal(openNodeStore(options.file))
      const client = await createClient({
        // the network knows where the server is today
        url: 'http://skerry.test',
        token: person.token,
        store,
        fetch: network.fetch,
        clientName: `${name}/1`,
        backoff: { initialMs: 30, maxMs: 400 },
        now: () => Date.now() + clockErrorMs,
        random,
      })
      const shapes = new Map<BoardShape, Collection<AnyRow>>()
      for (const shape of boardShapes) {
        const followed = client.follow(shape as keyof ShapeRows, { application_id: options.applicationId })
        shapes.set(shape, (await followed) as Collection<AnyRow>)
      }
      life = { client, die, shapes }
    },
    crash: async () => {
      const { client, die } = alive()
      die()
      life = undefined
      network.unplug()
      await client.close()
      network.plug()
    },
    close: async () => {
      const { client } = alive()
      life = undefined
      await client.close()
    },
  }
}
