// skerry migrate and skerry verify.
import { verifyContents } from '../features/documents/index.ts'
import { verifyCounters } from '#server/kernel/counters.ts'
import { migrationNames } from '#migrations/run.ts'
import { withDatabase } from './session.ts'

/** Makes the database where there is none, migrates, and says what the database has now. */
export const migrateCommand = (print: (text: string) => void): Promise<void> =>
  withDatabase(async () => print(`The database is up to date (${migrationNames.at(-1)}).`), { create: true })

/** Recounts, and derives the texts of documents anew; exit code 1 when something differs and is not repaired. */
export const verifyCommand = (options: {
  readonly repair: boolean
  readonly print: (text: string) => void
}): Promise<number> =>
  withDatabase(async ({ database, app }) => {
    const { checked, differing, repaired } = await verifyCounters(database, options.repair)
    for (const row of differing) {
      options.print(`${row.table} ${row.id} ${row.counter}: stored ${row.stored}, counted ${row.counted}`)
    }
    options.print(`${checked} counters checked, ${differing.length} differ, ${repaired} rows repaired.`)
    const documents = await verifyContents(database, app.write, options.repair)
    for (const { id, columns } of documents.differing) {
      options.print(`documents ${id}: ${columns.join(', ')} not what the stored state says`)
    }
    options.print(
      `${documents.checked} documents checked, ${documents.differing.length} differ, ${documents.repaired} stored anew.`,
    )
    return differing.length + documents.differing.length > 0 && !options.repair ? 1 : 0
  })
