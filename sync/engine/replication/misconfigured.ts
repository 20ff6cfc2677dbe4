// What is wrong with a database or its settings, in words for whoever runs the engine. Most of it may be put right while the
// engine keeps trying; a MisconfiguredError says that trying again cannot help.
import { firstError } from '#server/kernel/first-error.ts'
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

interface Cause {
  readonly codes: RegExp
  readonly words: RegExp
  /** For everyone: names nothing of the database. */
  readonly said: string
  readonly remedy: string
}

const causes: readonly Cause[] = [
  {
    codes: /^55000$/,
    words: /wal_level/,
    said: 'Postgres runs without logical replication',
    remedy: 'set wal_level = logical in postgresql.conf and restart Postgres',
  },
  {
    codes: /^42501$/,
    words: /replication|walsender|WAL sender/i,
    said: 'the role of the engine may not replicate',
    remedy: 'ALTER ROLE … REPLICATION for the role of the database URL',
  },
  {
    codes: /^42501$/,
    words: /database/,
    said: 'the role of the engine may not make its publication',
    remedy: 'GRANT CREATE ON DATABASE … to the role, or publish by hand with --manual',
  },
  {
    codes: /^42704$/,
    words: /^publication/,
    said: 'the publication is missing',
    remedy: 'CREATE PUBLICATION … FOR TABLE …; without --manual the engine makes it by itself',
  },
  {
    codes: /^(53400|53300)$/,
    words: /replication slots|wal_senders|WAL sender/i,
    said: 'Postgres has no room for another replication stream',
    remedy: 'raise max_replication_slots and max_wal_senders, or drop slots nobody uses',
  },
  {
    codes: /^53300$/,
    words: /./,
    said: 'Postgres takes no more connections',
    remedy: 'raise max_connections, or close connections that nobody needs',
  },
  {
    codes: /^55006$/,
    words: /is active/,
    said: 'somebody else reads the replication slot',
    remedy: 'end that process (pg_replication_slots.active_pid), or give this engine another --replication-id',
  },
  {
    codes: /./,
    words: /startup parameter|pgbouncer|pooler/i,
    said: 'the database URL leads to a connection pooler',
    remedy: 'give the address of Postgres itself: a replication stream cannot be shared',
  },
  {
    codes: /^(28P01|28000)$/,
    words: /./,
    said: 'Postgres refuses the role of the engine',
    remedy: 'check user and password of the database URL, and pg_hba.conf',
  },
  {
    codes: /^3D000$/,
    words: /./,
    said: 'the database does not exist',
    remedy: 'create the database, or correct the database URL',
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    words: /./,
    said: 'Postgres cannot be reached',
    remedy: 'correct the host of the database URL',
  },
  {
    codes: /^(ECONNREFUSED|ENOENT|EHOSTUNREACH|ETIMEDOUT|57P03)$/,
    words: /^(?!.*(open|mkdir|rename) )/,
    said: 'Postgres cannot be reached',
    remedy: 'start Postgres, or correct host and port of the database URL',
  },
  {
    codes: /^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO|ENOTDIR|ENOENT)$/,
    words: /./,
    said: 'the storage of the engine cannot be written',
    remedy: 'make room, or give a folder on a local disk that the engine may write to',
  },
]

/** Why the stream could not begin, when that is known. */
export const causeOf = (failure: unknown): { readonly said: string; readonly remedy: string } | undefined => {
  const error = firstError(failure)
  if (error instanceof MisconfiguredError)
    return { said: 'the replication slot cannot be used, see the log of the server', remedy: error.remedy }
  const { code, message } = error as { code?: unknown; message?: unknown }
  return causes.find(
    ({ codes, words }) => codes.test(typeof code === 'string' ? code : '') && words.test(String(message)),
  )
}

/** Says why the stream was interrupted; the same reason again and again is one line, not one for each attempt. */
export const createReporter = (log: Log) => {
  let last: string | undefined
  let cause: string | undefined
  return {
    interrupted: (error: unknown): void => {
      const found = causeOf(error)
      cause = found && `${found.said}: ${found.remedy}`
      const message = error instanceof Error && error.message !== '' ? error.message : String(error)
      if (message === last) return
      last = message
      if (found === undefined) log.warn('replication is interrupted', { error })
      else log.error('replication cannot begin', { reason: message, remedy: found.remedy })
    },
    /** The slot is being made, which takes as long as the transactions that are open. */
    waiting: (open: readonly number[]): void => {
      cause = 'Postgres waits for transactions that are open: end them, see the log of the server'
      const message = `waiting for ${open.join()}`
      if (message === last) return
      last = message
      log.warn('the replication slot waits for open transactions', {
        processes: open,
        remedy: 'end them, or SELECT pg_terminate_backend(…); prepared ones: ROLLBACK PREPARED, see pg_prepared_xacts',
      })
    },
    streaming: (): void => {
      last = cause = undefined
    },
    /** For readers: why there is no stream, with the remedy; undefined when nothing is known to be wrong. */
    get cause(): string | undefined {
      return cause
    },
  }
}
