// What is wrong with a database or its settings, in words for whoever runs the engine. Most of it may be put right while the
// engine keeps trying; a MisconfiguredError says that trying again cannot help.
import type { Log } from '#server/kernel/log.ts'

/** The engine cannot work as it was configured. */
export class MisconfiguredError extends Error {
  override name = 'MisconfiguredError'
  readonly remedy: string

  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}

const remedies: readonly (readonly [RegExp, RegExp, string])[] = [
  [/^55000$/, /wal_level/, 'set wal_level = logical in postgresql.conf and restart Postgres'],
  [/^42501$/, /replication|walsender|WAL sender/i, 'ALTER ROLE … REPLICATION for the role of the database URL'],
  [/^42501$/, /database/, 'GRANT CREATE ON DATABASE … to the role, or publish by hand with --manual'],
  [
    /^(53400|53300)$/,
    /replication slots|wal_senders|WAL sender/i,
    'raise max_replication_slots and max_wal_senders, or drop slots nobody uses',
  ],
  [/^(28P01|28000)$/, /./, 'check user and password of the database URL, and pg_hba.conf'],
  [/^3D000$/, /./, 'create the database, or correct the database URL'],
]

/** Why the stream could not begin, with a remedy where one is known. */
const remedyFor = (error: unknown): string | undefined => {
  if (error instanceof MisconfiguredError) return error.remedy
  const { code, message } = error as { code?: unknown; message?: unknown }
  const [, , remedy] = remedies.find(([codes, words]) => codes.test(String(code)) && words.test(String(message))) ?? []
  return remedy
}

/** Says why the stream was interrupted; the same reason again and again is one line, not one for each attempt. */
export const createReporter = (log: Log) => {
  let last: string | undefined
  return {
    interrupted: (error: unknown): void => {
      const message = error instanceof Error ? error.message : String(error)
      if (message === last) return
      last = message
      const remedy = remedyFor(error)
      if (remedy === undefined) log.warn('replication is interrupted', { error })
      else log.error('replication cannot begin', { reason: message, remedy })
    },
    streaming: (): void => {
      last = undefined
    },
  }
}
