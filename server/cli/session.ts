// A database for one command: that of a running server, or the embedded one started for the while. None is made here
// unless the command is there for it: a mistaken DATA_DIR or DATABASE_URL shall not look like an empty Skerry.
import { databaseService, version } from '../main.ts'
import { type App, createApp } from '../app.ts'
import { databasePlace, migrateDatabase } from '../database-address.ts'
import { hasCluster, runningUrl } from '../embedded/postgres.ts'
import { loadConfig } from '#server/kernel/config.ts'
import { type Database, openDatabase } from '#server/kernel/database.ts'
import { createLog } from '#server/kernel/log.ts'
import type { ShapeUpstream } from '#sync/upstream.ts'

export interface CommandSession {
  /** Where the database is, for messages. */
  readonly place: string
  readonly database: Database
  readonly app: App
}

// commands serve no shapes; what they change reaches the server's subscribers through the database
const noShapes: ShapeUpstream = {
  handle: async () => ({ status: 503, headers: {}, body: null }),
  health: async () => 'starting',
}

/** Nothing there: the wrong place, or too early. */
const noDatabase = (folder: string): string =>
  `There is no database in ${folder} (DATA_DIR).\n` +
  '  → set DATA_DIR or DATABASE_URL as for the server; or make a database: npm start, or skerry migrate'

/** Runs `work` with the database of the environment's settings, migrated; closes everything behind it. */
export const withDatabase = async <T>(
  work: (session: CommandSession) => Promise<T>,
  { create = false } = {},
): Promise<T> => {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel)
  const running = config.databaseUrl === 'embedded' ? runningUrl(config.dataDir) : undefined
  const { service, url } = running ? { service: undefined, url: () => running } : databaseService(config, log)
  if (service && !create && !hasCluster(config.dataDir)) throw new Error(noDatabase(config.dataDir))
  await service?.start()
  let database: Database | undefined
  try {
    await migrateDatabase(config, url(), { create })
    database = openDatabase(url(), 4, log)
    const app = createApp({ config, databaseUrl: url, database, upstream: noShapes, log, version })
    return await work({ place: databasePlace(config), database, app })
  } finally {
    await database?.close()
    await service?.stop()
  }
}
