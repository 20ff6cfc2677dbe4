// Which number each imported task gets, and what is said where that is not the one of its id.
import { z } from 'zod'
import { type AnyCommand, defineCommand } from '#server/kernel/command.ts'
import { givenNumbers } from '../../tasks/given-numbers.ts'
import type { ImportDeps, ImportNote } from '../importer.ts'
import { ownNumberOf, type PlannedItem } from './plan.ts'

/** What a created task is called; somebody else may have taken the number that was asked for. */
export interface NumberedTask {
  readonly number: number
  readonly task_key: string
}

export interface Numbers {
  /** The number to ask for: the item's own if that is free, else one behind all that are somebody's own. */
  next(item: PlannedItem): number
  /** To be called with what the item became; answers what a person has to know, undefined where it kept its number. */
  settle(item: PlannedItem, task: NumberedTask): ImportNote | undefined
}

/** Numbers for `items`, beside those that `projectId` has given: also to tasks that are gone for good. */
export const numbersFor = async (
  deps: ImportDeps,
  projectId: string,
  items: readonly PlannedItem[],
): Promise<Numbers> => {
  const given = new Set(await deps.database.read(reader => givenNumbers(reader, projectId)))
  let last = Math.max(0, ...given, ...items.map(item => ownNumberOf(item) ?? 0))
  const keepers = new Map<string, string>()
  return {
    next: item => {
      const own = ownNumberOf(item)
      return own === undefined || given.has(own) ? last + 1 : own
    },
    settle: (planned, { number, task_key: key }) => {
      const { item, file } = planned
      given.add(number)
      last = Math.max(last, number)
      if (number === ownNumberOf(planned)) {
        keepers.set(item.id, file)
        return undefined
      }
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

/**
 * Describes a task anew, in the transaction that makes it, where it did not get the key that was asked for: not a command
 * of the API.
 */
export const describeRenumbered: AnyCommand = defineCommand({
  name: 'import.describe',
  summary: 'Names the id in the description of a task that got another key.',
  access: 'USER',
  input: z.object({ id: z.string(), expected_key: z.string(), description: z.string() }),
  inTransactions: false,
  run: async (context, { id, expected_key: key, description }) => {
    context.later(
      context.tx.updateTable('tasks').set({ description }).where('id', '=', id).where('task_key', '<>', key),
    )
    return { data: null }
  },
})
