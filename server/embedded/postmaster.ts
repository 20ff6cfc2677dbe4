// Reading postmaster.pid and telling a living server of our own from a stale file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'

export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

/** The lock file's content, or undefined where there is none (or it is still being written). */
export const readPostmaster = (dataDir: string): Postmaster | undefined => {
  let lines: string[]
  try {
    lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return { pid, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === 'ready' }
}

const commandLine = (pid: number): string | undefined => {
  if (process.platform !== 'linux') {
    const { status, stdout } = spawnSync('ps', ['-o', 'stat=,command=', '-p', String(pid)], { encoding: 'utf8' })
    return status === 0 && !stdout.trimStart().startsWith('Z') ? stdout : undefined
  }
  try {
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // the field after the parenthesised command name; a zombie is a dead server that nobody has reaped yet
    if (state.slice(state.lastIndexOf(')') + 2).startsWith('Z')) return undefined
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return undefined
  }
}

/** Is `pid` a living PostgreSQL that was started on `dataDir`? Another program that got the pid by chance is not. */
export const isOurPostmaster = (pid: number, dataDir: string): boolean => {
  const line = commandLine(pid)
  return line !== undefined && line.includes('postgres') && line.includes(dataDir)
}
