// PostgreSQL refuses to run as root. Started as root, Skerry runs it under an ordinary account; anybody else runs it
// as himself.
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

export interface Account {
  readonly uid: number
  readonly gid: number
}

/** How to start a PostgreSQL program: the account (undefined = the present one) and a command put in front. */
export interface RunAs {
  readonly account: Account | undefined
  readonly prefix: readonly string[]
}

const accountNamed = (name: string): Account | undefined => {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** May `account` pass through every folder above `path`? Mode bits only: that is what a fresh account has. */
const canReach = (account: Account, path: string): boolean => {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

const hasSetpriv = (): boolean => spawnSync('setpriv', ['--version'], { stdio: 'ignore' }).status === 0

/**
 * Chooses the account for a server that must reach `paths`.
 * Where a folder above them is closed to it (a checkout under /root), the program keeps the one capability that lets
 * it pass (Linux `setpriv`); where that is not to be had either, the error says what to do.
 */
export const chooseAccount = (paths: readonly string[]): RunAs => {
  if (process.getuid?.() !== 0) return { account: undefined, prefix: [] }
  const account = accountNamed('postgres') ?? accountNamed('nobody')
  if (account === undefined) {
    throw new Error(
      'Running as root, and neither account `postgres` nor `nobody` exists to run PostgreSQL under. ' +
        'Start Skerry as an ordinary user, or set DATABASE_URL.',
    )
  }
  const closed = paths.find(path => !canReach(account, path))
  if (closed === undefined) return { account, prefix: [] }
  if (process.platform === 'linux' && hasSetpriv()) {
    const { uid, gid } = account
    const capability = '+dac_override'
    return {
      account: undefined,
      prefix: [
        'setpriv',
        `--reuid=${uid}`,
        `--regid=${gid}`,
        '--clear-groups',
        `--inh-caps=${capability}`,
        `--ambient-caps=${capability}`,
        // without it access(2) asks on behalf of the bare account, and initdb does not find its own files
        '--securebits=+no_setuid_fixup',
      ],
    }
  }
  throw new Error(
    `Running as root, PostgreSQL runs as uid ${account.uid}, which may not enter ${closed}. ` +
      'Move the checkout and DATA_DIR out of closed folders, start Skerry as an ordinary user, or set DATABASE_URL.',
  )
}

/** The uid and gid that own the data directory under `runAs`, or undefined for the present user. */
export const ownerOf = (runAs: RunAs): Account | undefined => {
  if (runAs.account) return runAs.account
  const uid = runAs.prefix.find(word => word.startsWith('--reuid='))
  const gid = runAs.prefix.find(word => word.startsWith('--regid='))
  return uid && gid ? { uid: Number(uid.slice(8)), gid: Number(gid.slice(8)) } : undefined
}
