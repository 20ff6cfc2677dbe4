// Which number each imported task gets, and what is said where that is not the one of its id.
import type { ImportDeps, ImportNote } from '../importer.ts'
import { ownNumberOf, type PlannedItem } from './plan.ts'

export interface Numbers {
  /** The next item's number: its own if that is free, else one behind all that are somebody's own. */
  take(item: PlannedItem): number
  /** What a person has to know of an item that became `key`; undefined when it kept its number. */
  noteOf(item: PlannedItem, number: number, key: string): ImportNote | undefined
}

/** Numbers for `items`, beside what `projectId` has. */
export const numbersFor = async (
  deps: ImportDeps,
  projectId: string,
  items: readonly PlannedItem[],
): Promise<Numbers> => {
  const rows = await deps.database.read(reader =>
    reader.selectFrom('tasks').select('number').where('project_id', '=', projectId).execute(),
  )
  const taken = new Set(rows.map(row => row.number))
  let last = Math.max(0, ...taken, ...items.map(item => ownNumberOf(item) ?? 0))
  const keepers = new Map<string, string>()
  return {
    take: item => {
      const own = ownNumberOf(item)
      const number = own === undefined || taken.has(own) ? (last += 1) : own
      taken.add(number)
      if (number === own) keepers.set(item.item.id, item.file)
      return number
    },
    noteOf: (planned, number, key) => {
      if (number === ownNumberOf(planned)) return undefined
      const { item, file } = planned
      const keeper = keepers.get(item.id)
      const message =
        keeper === undefined
          ? 'The number of the id is not free, or no whole one: the task got a new key, and its description names the id.'
          : 'Another file has the same id and keeps its number: this one got a new key, and its description names the id.'
      return {
        file,
        message,
        detail: `${item.id} is ${key} now${keeper === undefined ? '' : `; ${keeper} keeps the number`}`,
      }
    },
  }
}
