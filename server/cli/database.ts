// skerry migrate and skerry verify.
import { verifyCounters } from '#server/kernel/counters.ts'
import { migrationNames } from '#migrations/run.ts'
import { withDatabase } from './session.ts'

/** Migrates and says what the database has now. */
export const migrateCommand = (print: (text: string) => void): Promise<void> =>
  withDatabase(async () => print(`The database is up to date (${migrationNames.at(-1)}).`))

/** Recounts; exit code 1 when counters differ and are not repaired. */
export const verifyCommand = (options: {
  readonly repair: boolean
  readonly print: (text: string) => void
}): Promise<number> =>
  withDatabase(async ({ database }) => {
    const { checked, differing, repaired } = await verifyCounters(database, options.repair)
    for (const row of differing) {
      options.print(`${row.table} ${row.id} ${row.counter}: stored ${row.stored}, counted ${row.counted}`)
    }
    options.print(`${checked} counters checked, ${differing.length} differ, ${repaired} rows repaired.`)
    return differing.length > 0 && !options.repair ? 1 : 0
  })
