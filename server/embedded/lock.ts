// One Skerry per data directory: a lock held by a living process, free again the moment it dies, kill -9 included.
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'

export interface DirectoryLock {
  release(): void
}

/**
 * Takes the lock of `folder` or throws at once. SQLite's own file lock is the mutex: the kernel drops it with the
 * process, so there is no stale state and no pid to mistake for another program's.
 */
export const lockDirectory = (folder: string): DirectoryLock => {
  const database = new DatabaseSync(join(folder, 'lock.sqlite'), { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    database.exec('CREATE TABLE IF NOT EXISTS holder (pid integer)')
  } catch (error) {
    database.close()
    if (!String(error).includes('locked')) throw error
    throw new Error(
      `Another Skerry is running on ${folder}. Stop it first, or give this one a DATA_DIR and a PORT of its own.`,
      { cause: error },
    )
  }
  return { release: () => database.close() }
}
