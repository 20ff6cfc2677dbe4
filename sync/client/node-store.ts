// A store in one SQLite file (node:sqlite), for Node. WAL with synchronous=FULL: what `write` has confirmed survives
// kill -9 and a power cut. One process per file: a second one is refused instead of sending the queue twice.
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Store, StoreEntry } from './store.ts'

const schema = `
  create table if not exists entries (
    bucket text not null,
    key text not null,
    value text not null,
    primary key (bucket, key)
  ) strict, without rowid`

/** Opens or creates the file at `path` (`:memory:` keeps nothing). Throws when another process has it open. */
export const openNodeStore = (path: string): Store => {
  // SQLite gives its other files the rights of this one: rows and queue are the business of one account
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600))
  const database = new DatabaseSync(path)
  database.exec('pragma busy_timeout = 2000')
  database.exec('pragma locking_mode = exclusive')
  database.exec('pragma journal_mode = wal')
  database.exec('pragma synchronous = full')
  database.exec(schema)
  const select = database.prepare('select key, value from entries where bucket = ? order by key')
  const put = database.prepare(
    'insert into entries (bucket, key, value) values (?, ?, ?) on conflict (bucket, key) do update set value = excluded.value',
  )
  const remove = database.prepare('delete from entries where bucket = ? and key = ?')
  const clear = database.prepare('delete from entries where bucket = ?')
  return {
    all: async bucket =>
      (select.all(bucket) as unknown as { key: string; value: string }[]).map(
        ({ key, value }): StoreEntry => ({ key, value: JSON.parse(value) as unknown }),
      ),
    write: async writes => {
      if (writes.length === 0) return
      database.exec('begin immediate')
      try {
        for (const write of writes) {
          if (write.op === 'put') put.run(write.bucket, write.key, JSON.stringify(write.value))
          else if (write.op === 'delete') remove.run(write.bucket, write.key)
          else clear.run(write.bucket)
        }
        database.exec('commit')
      } catch (error) {
        database.exec('rollback')
        throw error
      }
    },
    // the file has one owner: there is nobody to wait for
    exclusive: async (_name, signal, run) => {
      if (!signal.aborted) await run()
    },
    subscribe: () => () => undefined,
    close: async () => database.close(),
  }
}
