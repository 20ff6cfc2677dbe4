// The storage folder holds the rows of every shape: whoever may read it, reads past every permission.
import { chmod, mkdir, stat } from 'node:fs/promises'
import type { Log } from '#server/kernel/log.ts'

/** Makes the folder if it is not there, and keeps everybody but its owner out; says so in the log where it may not. */
export const makePrivateFolder = async (path: string, log: Log): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const { mode } = await stat(path)
  if ((mode & 0o077) === 0) return
  try {
    await chmod(path, mode & 0o700)
  } catch (error) {
    log.warn('other accounts of this machine can read the storage folder, and it cannot be changed', { path, error })
  }
}
