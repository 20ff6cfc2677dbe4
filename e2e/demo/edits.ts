// What both people do to the same cards: moves, renames, ticks, a deletion, and a write whose right is withdrawn.
import { must } from '#server/kernel/must.ts'
import type { Committed } from '#sync/client/outbox.ts'
import { type AnyRow, type Mutation, mutation } from '#sync/client/types.ts'
import type { BoardShape, Desktop } from './desktop.ts'

export interface Where {
  readonly projectId: string
  readonly sideProjectId: string
}

type Kind = 'rename' | 'move' | 'tick' | 'delete' | 'label' | 'withdrawn'

export interface Edit {
  readonly kind: Kind
  readonly committed: Committed
}

export interface Edits {
  readonly committed: readonly Edit[]
  /** Cards that Ann edits as well. */
  readonly contested: readonly AnyRow[]
  readonly ticked: readonly AnyRow[]
  readonly statusIds: readonly string[]
  /** How many transactions Ann made on the same cards. */
  rivals: number
}

const rowsOf = (desktop: Desktop, shape: BoardShape): readonly AnyRow[] => must(desktop.shapes.get(shape)).rows()

const idOf = (row: AnyRow): string => row.id as string
const byKey = (a: AnyRow, b: AnyRow): number => (a.number as number) - (b.number as number)

const contestedCount = 12

/** Bo's edits while he is away. The first half of his renames will lose to Ann's, which come later. */
export const editOffline = async (bo: Desktop, where: Where): Promise<Edits> => {
  const cards = rowsOf(bo, 'tasks')
    .filter(task => task.project_id === where.projectId && task.archived_at === null && task.deleted_at === null)
    .toSorted(byKey)
  const contested = cards.slice(0, contestedCount)
  const ids = new Set(contested.map(idOf))
  const items = rowsOf(bo, 'checklist_items').filter(item => ids.has(item.task_id as string))
  const ticked = items.slice(0, 6)
  const statuses = rowsOf(bo, 'task_statuses')
    .filter(status => status.project_id === where.projectId)
    .toSorted((a, b) => ((a.rank as string) < (b.rank as string) ? -1 : 1))
  const statusIds = statuses.map(idOf)
  const committed: Edit[] = []
  const commit = async (kind: Kind, ...mutations: readonly Mutation[]) => {
    committed.push({ kind, committed: await bo.client.commit(...mutations) })
  }
  for (const card of contested.slice(0, 6)) {
    await commit('rename', mutation('task.update', { id: idOf(card), title: `${String(card.title)} (Bo, at sea)` }))
  }
  for (const [index, card] of contested.slice(3, 9).entries()) {
    const target = must(statusIds[(index + 1) % statusIds.length])
    await commit('move', mutation('task.move', { id: idOf(card), status_id: target, position: 'top' }))
  }
  for (const card of contested.slice(2, 5)) {
    await commit('label', mutation('task.update', { id: idOf(card), labels_add: ['offline'] }))
  }
  for (const item of ticked) {
    await commit('tick', mutation('checklist_item.set_done', { id: idOf(item), is_done: item.is_done !== true }))
  }
  const last = contested.at(-1)
  if (last) await commit('delete', mutation('task.delete', { id: idOf(last) }))
  const side = rowsOf(bo, 'tasks').find(task => task.project_id === where.sideProjectId)
  if (side) {
    await commit('withdrawn', mutation('task.update', { id: idOf(side), title: 'Paint the pier blue' }))
  }
  return { committed, contested, ticked, statusIds, rivals: 0 }
}

/** Ann's edits on the same cards, made after Bo's: where both touch one field, hers is the later edit. */
export const editOnline = async (ann: Desktop, edits: Edits): Promise<void> => {
  const commit = async (...mutations: readonly Mutation[]) => {
    edits.rivals += 1
    await (await ann.client.commit(...mutations)).outcome
  }
  for (const card of edits.contested.slice(0, 3)) {
    await commit(mutation('task.update', { id: idOf(card), title: `${String(card.title)} (Ann, on land)` }))
  }
  for (const card of edits.contested.slice(3, 6)) {
    await commit(mutation('task.update', { id: idOf(card), priority: 'highest', labels_add: ['ashore'] }))
  }
  for (const card of edits.contested.slice(7, 9)) {
    await commit(mutation('task.move', { id: idOf(card), status_id: must(edits.statusIds[0]), position: 'bottom' }))
  }
  const gone = edits.contested.at(-2)
  if (gone) await commit(mutation('task.delete', { id: idOf(gone) }))
  const described = edits.contested.at(-1)
  if (described) {
    await commit(mutation('task.update', { id: idOf(described), description: 'Written while Bo threw the card away.' }))
  }
}

export interface Counted {
  readonly applied: number
  readonly superseded: number
  readonly rejected: number
  readonly rejections: readonly string[]
}

/** How Bo's transactions ended. */
export const outcomesOf = async (edits: Edits): Promise<Counted> => {
  let applied = 0
  let superseded = 0
  const rejections: string[] = []
  for (const { kind, committed } of edits.committed) {
    const outcome = await committed.outcome
    if (outcome.status === 'applied') {
      applied += 1
      superseded += outcome.superseded.length
    } else if (outcome.status === 'rejected') {
      const { error } = outcome.attention
      rejections.push(
        kind === 'withdrawn' ? `${error.code}: the right was withdrawn meanwhile` : `${kind}: ${error.code}`,
      )
    }
  }
  return { applied, superseded, rejected: rejections.length, rejections }
}
