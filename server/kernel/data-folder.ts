// DATA_DIR on disk.
import { accessSync, constants, mkdirSync } from 'node:fs'
import { ConfigError } from './config-error.ts'

/** Makes `folder` where it is missing. Throws ConfigError when it is none, or not to be written. */
export const makeDataFolder = (folder: string): void => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    accessSync(folder, constants.W_OK)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const isFile = code === 'EEXIST' || code === 'ENOTDIR'
    const cause = isFile ? `${folder} is a file, or lies below one` : `${folder} cannot be written (${message})`
    const remedy = 'set a folder that the server may write to, or correct its owner'
    throw new ConfigError([{ name: 'DATA_DIR', cause, remedy }])
  }
}
