// What the applied transactions must have made of the rows, told from the transactions alone: the later edit of a unit
// wins (domain rules, section 7). Only units that nothing but these commands writes.
import type { AnyRow, Mutation } from '#sync/client/types.ts'
import type { Ledger } from '../testing/ledger.ts'

interface Edit {
  readonly at: number
  readonly transactionId: string
  readonly value: unknown
}

const homes: Readonly<Record<string, string>> = {
  application: 'application',
  project: 'projects',
  task: 'tasks',
  checklist: 'checklists',
  checklist_item: 'checklist_items',
}

const unitsOf: Readonly<Record<string, readonly string[]>> = {
  'application.update': ['description'],
  'project.create': ['name'],
  'project.update': ['description'],
  'task.create': ['title'],
  'task.update': ['title', 'description', 'priority', 'story_points'],
  'checklist.create': ['title'],
  'checklist.update': ['title'],
  'checklist_item.create': ['content', 'is_done'],
  'checklist_item.update': ['content', 'is_done'],
  'checklist_item.set_done': ['is_done'],
}

const labelEdits = ({ name, args }: Mutation): [string, boolean][] => {
  if (!name.startsWith('task.')) return []
  const list = (value: unknown) => (Array.isArray(value) ? (value as string[]) : [])
  return [
    ...list(args.labels).map((label): [string, boolean] => [`label:${label}`, true]),
    ...list(args.labels_add).map((label): [string, boolean] => [`label:${label}`, true]),
    ...list(args.labels_remove).map((label): [string, boolean] => [`label:${label}`, false]),
  ]
}

const isLater = (one: Edit, other: Edit): boolean =>
  one.at === other.at ? one.transactionId >= other.transactionId : one.at > other.at

/** Shape → id → unit → value. */
export type Expected = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Edit>>>

/** Folds all applied transactions of `ledger`. */
export const expectedRows = (ledger: Ledger): Expected => {
  const applied = [...ledger.sent.keys()]
    .filter(id => ledger.answer(id)?.status === 'applied')
    .map(id => ledger.transaction(id))
  const bornAt = new Map<string, number>()
  for (const { edited_at, mutations } of applied) {
    for (const { name, args } of mutations) {
      if (name.endsWith('.create') && typeof args.id === 'string') bornAt.set(args.id, Date.parse(edited_at ?? ''))
    }
  }
  const shapes = new Map<string, Map<string, Map<string, Edit>>>()
  for (const { id: transactionId, edited_at, mutations } of applied) {
    for (const one of mutations) {
      const shape = homes[one.name.split('.')[0] ?? '']
      const { id } = one.args
      if (shape === undefined || typeof id !== 'string') continue
      const rows = shapes.get(shape) ?? new Map<string, Map<string, Edit>>()
      shapes.set(shape, rows)
      const units = rows.get(id) ?? new Map<string, Edit>()
      rows.set(id, units)
      const isCreate = one.name.endsWith('.create')
      const edits = [
        ...(unitsOf[one.name] ?? [])
          .filter(unit => one.args[unit] !== undefined)
          .map((unit): [string, unknown] => [unit, one.args[unit]]),
        ...labelEdits(one),
      ]
      for (const [unit, value] of edits) {
        // an edit before the row's creation counts as made then, and the creation itself loses to every edit
        const at = Math.max(Date.parse(edited_at ?? ''), bornAt.get(id) ?? 0)
        const edit: Edit = { at, transactionId: isCreate ? '' : transactionId, value }
        const held = units.get(unit)
        if (!held || isLater(edit, held)) units.set(unit, edit)
      }
    }
  }
  return shapes
}

/** What in `rows` is not as expected; and which expected rows were compared. */
export const compareExpected = (
  expected: Expected,
  shape: string,
  rows: Iterable<AnyRow>,
): { readonly compared: number; readonly wrong: readonly string[] } => {
  const wrong: string[] = []
  let compared = 0
  for (const row of rows) {
    for (const [unit, { value, transactionId }] of expected.get(shape)?.get(row.id as string) ?? []) {
      compared += 1
      const held = unit.startsWith('label:') ? (row.labels as string[]).includes(unit.slice(6)) : row[unit]
      if (held !== value) {
        wrong.push(`${shape} ${String(row.id)} ${unit}: ${String(held)}, but ${transactionId} says ${String(value)}`)
      }
    }
  }
  return { compared, wrong }
}
