// One Skerry per data directory: a lock held by a living process, free again the moment it dies, kill -9 included.
import { readFileSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { ConfigError } from '#server/kernel/config-error.ts'

export interface DirectoryLock {
  release(): void
}

/** A device number as /proc/locks writes it; the bits are those of Linux's dev_t. */
const deviceText = (device: bigint): string => {
  const major = ((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)
  const minor = ((device >> 12n) & 0xffffff00n) | (device & 0xffn)
  return [major, minor].map(part => part.toString(16).padStart(2, '0')).join(':')
}

/** The one process that has a file locked for writing, by `locks` in the form of /proc/locks; undefined in doubt. */
export const holderIn = (
  locks: string,
  { dev, ino }: { readonly dev: bigint; readonly ino: bigint },
): number | undefined => {
  // inodes are numbered by each file system anew
  const file = `${deviceText(dev)}:${ino}`
  const pids = locks
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, kind, , mode, , place]) => kind === 'POSIX' && mode === 'WRITE' && place === file)
    .map(([, , , , pid]) => Number(pid))
  const [pid = 0, ...others] = new Set(pids)
  // those of another container are 0
  return pid > 0 && others.length === 0 ? pid : undefined
}

/** The process that holds the lock on `file`, by the kernel's own table; undefined where there is none to read. */
const holderOf = (file: string): number | undefined => {
  try {
    return holderIn(readFileSync('/proc/locks', 'utf8'), statSync(file, { bigint: true }))
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
