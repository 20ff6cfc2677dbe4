// Which queued transactions may be sent now. Pure. A transaction waits
//   - for the one that creates an id it uses, until that one is applied (also while it needs attention);
//   - behind an earlier one on the same row that failed or waits itself, so that edits of a row keep their order.
// Everything else goes on. Anchors of a move are wishes, not needs: the server ignores cards it does not know.
import type { Mutation, Transaction } from './types.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const wishes = new Set(['after_id', 'before_id'])

const isId = (value: unknown): value is string => typeof value === 'string' && uuid.test(value)

const collect = (value: unknown, into: Set<string>): void => {
  if (isId(value)) into.add(value.toLowerCase())
  else if (Array.isArray(value)) for (const item of value) collect(item, into)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) if (!wishes.has(key)) collect(item, into)
  }
}

const meets = (ids: Iterable<string>, others: ReadonlySet<string>): boolean => {
  for (const id of ids) if (others.has(id)) return true
  return false
}

const isCreation = ({ name }: Mutation): boolean => /\.(create|declare|duplicate|add)$/.test(name)

/** Ids that come into being with these mutations (`id` of a creation, and of the parts created with it). */
export const createdIds = (mutations: readonly Mutation[]): Set<string> => {
  const ids = new Set<string>()
  for (const one of mutations) {
    if (!isCreation(one)) continue
    if (isId(one.args.id)) ids.add(one.args.id.toLowerCase())
    for (const value of Object.values(one.args)) {
      if (!Array.isArray(value)) continue
      for (const part of value as unknown[]) {
        if (typeof part === 'object' && part !== null && 'id' in part && isId(part.id)) ids.add(part.id.toLowerCase())
      }
    }
  }
  return ids
}

/** Ids that must exist before these mutations run. */
export const neededIds = (mutations: readonly Mutation[]): Set<string> => {
  const ids = new Set<string>()
  for (const { args } of mutations) collect(args, ids)
  for (const id of createdIds(mutations)) ids.delete(id)
  return ids
}

/** The rows that these mutations change, as far as their names tell. */
export const targetIds = (mutations: readonly Mutation[]): Set<string> => {
  const ids = new Set<string>()
  for (const { args } of mutations) {
    const own = [args.id, ...(Array.isArray(args.ids) ? (args.ids as unknown[]) : [])].filter(isId)
    // without an id of its own a row is named by what it joins (a person and an application)
    const joined = Object.entries(args).filter(([key, value]) => key.endsWith('_id') && !wishes.has(key) && isId(value))
    const names = own.length > 0 ? own : [joined.map(([, value]) => value as string).join(' ')]
    for (const name of names) if (name !== '') ids.add(name.toLowerCase())
  }
  return ids
}

export interface Readiness {
  /** Transactions that need attention: what they would have created does not exist. */
  readonly rejected: readonly Transaction[]
  /** Failed for a while: must not be sent yet. */
  readonly resting: ReadonlySet<string>
  readonly limit: number
  /** Of the JSON text together; a single larger one goes alone. */
  readonly maxBytes: number
}

/** The transactions of `queue` (in order) that may go in one request, in order. */
export const readyToSend = (queue: readonly Transaction[], readiness: Readiness): Transaction[] => {
  const inQueue = new Map<string, string>()
  for (const one of queue) for (const id of createdIds(one.mutations)) inQueue.set(id, one.id)
  const stuck = new Set(waitingForRejected(queue, readiness.rejected).map(one => one.id))
  const held = new Set<string>()
  const ready: Transaction[] = []
  let bytes = 0
  for (const one of queue) {
    // not in `held`: a rejection may stay for days, and must not hold up what does not build on it
    if (stuck.has(one.id)) continue
    const needs = [...neededIds(one.mutations)]
    // a row begins with its creation, also where that comes anew, after a rejection and with a later id
    const targets = targetIds(one.mutations)
    for (const id of createdIds(one.mutations)) targets.delete(id)
    const waitsForQueue = needs.some(id => inQueue.has(id) && inQueue.get(id) !== one.id)
    if (readiness.resting.has(one.id) || waitsForQueue || meets(targets, held)) {
      for (const id of targets) held.add(id)
      continue
    }
    const size = JSON.stringify(one.mutations).length
    if (ready.length >= readiness.limit || (ready.length > 0 && bytes + size > readiness.maxBytes)) break
    bytes += size
    ready.push(one)
  }
  return ready
}

/**
 * Transactions of `queue` that cannot succeed without what `rejected` ones would have created, directly or through one
 * another; what the queue creates anew is not missed.
 */
export const waitingForRejected = (queue: readonly Transaction[], rejected: readonly Transaction[]): Transaction[] => {
  const gone = new Set(rejected.flatMap(one => [...createdIds(one.mutations)]))
  for (const one of queue) for (const id of createdIds(one.mutations)) gone.delete(id)
  if (gone.size === 0) return []
  const found: Transaction[] = []
  for (const one of queue) {
    if (!meets(neededIds(one.mutations), gone)) continue
    found.push(one)
    for (const id of createdIds(one.mutations)) gone.add(id)
  }
  return found
}
