// A shape's folder. It is made when the first of its files is: who asks for rows does not wait for a name on disk.
import { mkdir, open, rm } from 'node:fs/promises'

/** Where the files of one shape lie. */
export interface Folder {
  readonly path: string
  /** Settles when it is there; rejects when it cannot be made, or has been removed. */
  readonly ready: () => Promise<void>
  /** Removes it with all that is in it; it never comes back. */
  readonly remove: () => Promise<void>
}

/** Makes the names in the folder at `path` durable. */
export const syncFolder = async (path: string) => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The folder at `path`, which need not exist. */
export const folderAt = (path: string): Folder => {
  let made: Promise<void> | undefined
  let isRemoved = false
  const make = async () => {
    if (isRemoved) throw new Error(`the folder ${path} has been removed`)
    try {
      await mkdir(path, { recursive: true })
    } catch (error) {
      // there may be room later
      made = undefined
      throw error
    }
  }
  return {
    path,
    ready: () => (made ??= make()),
    remove: async () => {
      isRemoved = true
      await made?.catch(() => {})
      await rm(path, { recursive: true, force: true })
    },
  }
}
