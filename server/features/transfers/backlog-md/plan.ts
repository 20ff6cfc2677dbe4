// From parsed files to commands: status categories, external ids, order of creation, descriptions. Pure.
import type { Category } from '../../projects/schema.ts'
import { cutTo, type ImportNote } from '../importer.ts'
import { type BacklogFolder, places, type SourceItem } from './folder.ts'
import type { BacklogItem } from './parse.ts'

/** Category of a status that is only a name (domain rules, section 5.15). */
export const categoryOfName = (name: string, isFirst: boolean): Category => {
  const plain = statusKey(name)
  if (['done', 'complete', 'completed', 'closed', 'cancelled', 'canceled', 'wontdo'].includes(plain)) return 'done'
  return isFirst || ['todo', 'backlog', 'open', 'draft'].includes(plain) ? 'todo' : 'active'
}

/** Names that differ in case, blanks and punctuation only are one status. */
export const statusKey = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')

export interface PlannedItem extends SourceItem {
  /** The item's id, or path and id where an id occurs twice. */
  readonly externalId: string
  /** External id of the parent, when it is part of the source. */
  readonly parent: string | undefined
  /** Steps below the topmost parent. */
  readonly depth: number
}

export interface Plan {
  /**
   * Parents before children; within one depth whole numbers first, so that they keep theirs, and of two with the same one
   * that which is least put away.
   */
  readonly items: readonly PlannedItem[]
  readonly warnings: readonly ImportNote[]
}

/**
 * The part of an id that names the task whatever the prefix: a project that changed its prefix still says `task-355.01`
 * for BACK-355.1.
 */
const idTail = (id: string): string =>
  (/-([\d.]+)$/.exec(id)?.[1] ?? id)
    .split('.')
    .map(part => part.replace(/^0+(?=\d)/, ''))
    .join('.')

const wholeNumber = (id: string): number | undefined => {
  const match = /-(\d+)$/.exec(id)
  return match ? Number(match[1]) : undefined
}

const numberOf = (item: BacklogItem): number | undefined => {
  const number = wholeNumber(item.id)
  return number !== undefined && number >= 1 && number <= 50_000 ? number : undefined
}

/** The number that a task keeps if it is free: BACK-174 → 174; BACK-100.1 has none, and drafts count on their own. */
export const ownNumberOf = ({ item, place }: SourceItem): number | undefined =>
  place.endsWith('drafts') ? undefined : numberOf(item)

/** Titles by id, found under an older prefix too. */
export const titlesOf = (items: readonly PlannedItem[]): ((id: string) => string | undefined) => {
  const titles = new Map(
    items.flatMap(({ item }) => [[idTail(item.id), item.title] as const, [item.id, item.title] as const]),
  )
  return id => titles.get(id) ?? titles.get(idTail(id))
}

/** Decides ids and order. A parent that is missing, or a loop of parents, is a warning and the item stands alone. */
export const planItems = (folder: BacklogFolder): Plan => {
  const warnings: ImportNote[] = []
  const byId = Map.groupBy(folder.items, one => one.item.id)
  const externalIdOf = new Map<SourceItem, string>()
  for (const [id, same] of byId) {
    for (const one of same) externalIdOf.set(one, same.length === 1 ? id : `${one.file} ${id}`)
  }
  const external = (one: SourceItem): string => externalIdOf.get(one) ?? one.item.id
  const byTail = Map.groupBy(
    folder.items.filter(({ place }) => !place.endsWith('drafts')),
    one => idTail(one.item.id),
  )
  const parentOf = (one: SourceItem): SourceItem | undefined => {
    if (one.item.parentId === undefined) return undefined
    const named = byId.get(one.item.parentId) ?? byTail.get(idTail(one.item.parentId))
    return named?.find(other => other !== one)
  }
  const depthOf = (one: SourceItem): number | undefined => {
    const seen = new Set<SourceItem>()
    let depth = 0
    for (let next = parentOf(one); next; next = parentOf(next)) {
      depth += 1
      if (seen.has(next) || depth > 5) return undefined
      seen.add(next)
    }
    return depth
  }
  const planned = folder.items.map((one): PlannedItem => {
    const parent = parentOf(one)
    const depth = depthOf(one)
    if (one.item.parentId !== undefined && (!parent || depth === undefined)) {
      warnings.push({
        file: one.file,
        message: 'The parent is missing or one of a loop; the task stands alone.',
        detail: one.item.parentId,
      })
    }
    const usable = parent !== undefined && depth !== undefined
    return {
      ...one,
      externalId: external(one),
      parent: usable ? external(parent) : undefined,
      depth: usable ? depth : 0,
    }
  })
  const order = (one: PlannedItem): readonly [number, number, number, string] => [
    one.depth,
    ownNumberOf(one) ?? Number.MAX_SAFE_INTEGER,
    places.indexOf(one.place),
    one.externalId,
  ]
  return { items: planned.toSorted((a, b) => compare(order(a), order(b))), warnings }
}

const compare = (a: readonly (number | string)[], b: readonly (number | string)[]): number => {
  for (const [index, left] of a.entries()) {
    const right = b[index] as number | string
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** Board order inside a column: by `ordinal` where given, then by id number. */
export const boardOrder = (items: readonly PlannedItem[]): PlannedItem[] =>
  items.toSorted((a, b) =>
    compare(
      [a.item.ordinal ?? Number.MAX_SAFE_INTEGER, numberOf(a.item) ?? Number.MAX_SAFE_INTEGER, a.externalId],
      [b.item.ordinal ?? Number.MAX_SAFE_INTEGER, numberOf(b.item) ?? Number.MAX_SAFE_INTEGER, b.externalId],
    ),
  )

const longest = 102_400

/** Description with plan and notes; at its end links to dependencies and references, and the id if the `key` is another. */
export const describe = ({ item }: SourceItem, titleOf: (id: string) => string | undefined, key: string): string => {
  const parts = [item.description]
  if (item.dependencies.length > 0) {
    const lines = item.dependencies.map(id => `- ${id}${titleOf(id) === undefined ? '' : ` ${titleOf(id)}`}`)
    parts.push(`## Dependencies\n\n${lines.join('\n')}`)
  }
  if (item.references.length > 0) parts.push(`## References\n\n${item.references.map(one => `- ${one}`).join('\n')}`)
  const origin = item.id === key ? '' : `Imported as ${item.id}.`
  const text = parts
    .filter(part => part !== '')
    .join('\n\n')
    .replaceAll(/[^\P{Cc}\t\n]/gu, '')
  const separator = text === '' || origin === '' ? '' : '\n\n'
  return cutTo(text, longest - separator.length - origin.length) + separator + origin
}

const types: Readonly<Record<string, string>> = {
  bug: 'bug',
  story: 'story',
  feature: 'story',
  enhancement: 'story',
  epic: 'epic',
  task: 'task',
  chore: 'task',
  subtask: 'subtask',
}

/** Skerry's task type; without one a child is a subtask, anything else a task. */
export const taskTypeOf = ({ item, parent }: PlannedItem): string => {
  const known = types[item.type?.toLowerCase() ?? '']
  if (known === 'subtask') return parent === undefined ? 'task' : 'subtask'
  return known ?? (parent === undefined ? 'task' : 'subtask')
}

const priorities = new Set(['lowest', 'low', 'medium', 'high', 'highest', 'critical'])

export const priorityOf = ({ item }: PlannedItem): string => {
  const given = item.priority?.toLowerCase() ?? ''
  return priorities.has(given) ? given : 'medium'
}

/** Labels, the milestone's title among them, `draft` for drafts; at most 20. */
export const labelsOf = ({ item, place }: PlannedItem, milestones: ReadonlyMap<string, string>): string[] => {
  const milestone = item.milestone === undefined ? [] : [milestones.get(item.milestone.toLowerCase()) ?? item.milestone]
  const draft = place.endsWith('drafts') ? ['draft'] : []
  const all = [...draft, ...milestone, ...item.labels]
    .map(label => cutTo(label.trim(), 50))
    .filter(label => label !== '')
  const seen = new Set<string>()
  return all.filter(label => !seen.has(label.toLowerCase()) && seen.add(label.toLowerCase())).slice(0, 20)
}
