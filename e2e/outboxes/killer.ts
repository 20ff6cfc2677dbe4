// Kills the server between COMMIT and reply: a trigger of the test tells of each stored transaction at the moment of its
// commit, and at the chosen one the process goes.
import pg from 'pg'

export interface Killer {
  /** The `commits`-th commit from now on is the last that the server makes. */
  arm(commits: number): void
  /** Resolves when the server is gone. */
  readonly fired: Promise<void>
  close(): Promise<void>
}

const trigger = `
  create function test_tell() returns trigger language plpgsql as
    $$ begin perform pg_notify('test_committed', new.id::text); return null; end $$;
  create trigger test_tell after insert on applied_transactions for each row execute function test_tell()`

/** Listens on `databaseUrl`; `kill` resolves when the server is gone. */
export const killAfterCommits = async (databaseUrl: string, kill: () => Promise<void>): Promise<Killer> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  client.on('error', () => undefined)
  await client.connect()
  await client.query(trigger)
  await client.query('listen test_committed')
  let left = 0
  let fired = Promise.withResolvers<void>()
  client.on('notification', () => {
    if (left === 0) return
    left -= 1
    if (left === 0) kill().then(fired.resolve, fired.reject)
  })
  return {
    arm: commits => {
      left = commits
      fired = Promise.withResolvers()
    },
    get fired() {
      return fired.promise
    },
    close: () => client.end(),
  }
}
