// One Skerry per data directory: a lock held by a living process, free again the moment it dies, kill -9 included.
import { readFileSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { ConfigError } from '#server/kernel/config-error.ts'

export interface DirectoryLock {
  release(): void
}

/** The process that holds the lock on `file`, by the kernel's own table; undefined where there is none to read. */
const holderOf = (file: string): number | undefined => {
  try {
    const inode = statSync(file).ino
    const lock = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .find(([, kind, , mode, , place]) => kind === 'POSIX' && mode === 'WRITE' && place?.endsWith(`:${inode}`))
    const pid = Number(lock?.[4])
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * Takes the lock of `folder` or throws at once. SQLite's own file lock is the mutex: the kernel drops it with the
 * process, so there is no stale state and no pid to mistake for another program's.
 */
export const lockDirectory = (folder: string): DirectoryLock => {
  const file = join(folder, 'lock.sqlite')
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    database.exec('CREATE TABLE IF NOT EXISTS holder (pid integer)')
  } catch (error) {
    database.close()
    if (!String(error).includes('locked')) throw error
    const pid = holderOf(file)
    const cause = `Another Skerry is running on ${folder}${pid === undefined ? '' : ` (pid ${pid})`}`
    const remedy = 'stop it first, or give this one a DATA_DIR and a PORT of its own'
    throw new ConfigError([{ name: 'DATA_DIR', cause, remedy }])
  }
  return { release: () => database.close() }
}
