// What has been in the trash for 30 days goes for good, as if somebody had ended it: by the same commands, each root in a
// transaction of its own (domain rules, sections 6.8, 8.9 and 13).
import { sql } from 'kysely'
import { purgeDocument } from './features/documents/index.ts'
import { purgeFolder } from './features/folders/index.ts'
import { purgeTask } from './features/tasks/index.ts'
import type { SystemActor } from './kernel/actor.ts'
import type { AnyCommand } from './kernel/command.ts'
import { AppError } from './kernel/errors.ts'
import type { ServerWrite } from './kernel/server-writes.ts'
import { purgeAt } from './kernel/trash.ts'

const purger: SystemActor = { kind: 'system', reason: 'purge_trash', userId: undefined, displayName: 'Skerry' }

/** Roots that are looked up at once. */
const together = 1000

// folders before documents: what went with a folder goes with it
const kinds = [
  { table: 'tasks', command: purgeTask },
  { table: 'document_folders', command: purgeFolder },
  { table: 'documents', command: purgeDocument },
] as const

interface Kind {
  readonly table: string
  readonly command: AnyCommand
}

const isDue = (now: Date) => sql<boolean>`(${purgeAt}) <= ${now}`

const dueOf = (write: ServerWrite, { table, command }: Kind, after: string): Promise<string[]> =>
  write(command.name, purger, async ({ tx, now }) => {
    const { rows } = await sql<{ id: string }>`
      select id from ${sql.table(table)}
       where trash_root_id = id and id > ${after} and ${isDue(now)}
       order by id limit ${together}`.execute(tx)
    return rows.map(row => row.id)
  })

/** Somebody was faster: it was brought back, or ended. */
const isOver = (error: unknown): boolean =>
  error instanceof AppError && (error.code === 'not_in_trash' || error.code === 'not_found')

const end = async (write: ServerWrite, { table, command }: Kind, id: string): Promise<number> => {
  try {
    return await write(command.name, purger, async context => {
      // brought back and deleted again, it has its time again
      const { rows } = await sql`select from ${sql.table(table)} where id = ${id} and ${isDue(context.now)}`.execute(
        context.tx,
      )
      if (rows.length > 0) await command.run(context, { id })
      return rows.length
    })
  } catch (error) {
    if (isOver(error)) return 0
    throw error
  }
}

/**
 * Ends what has had its time. Safe to run twice, and in several servers at once. Answers how many roots went; rejects with
 * the first failure when all were tried.
 */
export const purgeTrash = async (write: ServerWrite): Promise<number> => {
  let gone = 0
  const failures: unknown[] = []
  for (const kind of kinds) {
    let after = '00000000-0000-0000-0000-000000000000'
    for (;;) {
      const due = await dueOf(write, kind, after)
      for (const id of due)
        gone += await end(write, kind, id).catch((error: unknown) => {
          failures.push(error)
          return 0
        })
      const last = due.at(-1)
      if (last === undefined) break
      after = last
    }
  }
  if (failures.length > 0) throw failures[0]
  return gone
}
