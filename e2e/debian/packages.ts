// Programs of Debian that some tests need. As root on Debian they are installed through apt; elsewhere they have to be
// there. A test file asks with `debianProgram`, and the project's global setup says what was not run and why.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Program → the package that has it, other names it goes by, and the tests that need it. */
export const programs = {
  chromium: {
    package: 'chromium',
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    tests: 'the browser tests',
  },
  nginx: {
    package: 'nginx',
    names: ['nginx'],
    tests: 'the tests behind a cache',
  },
  redis: {
    package: 'redis-server',
    names: ['redis-server'],
    tests: 'the tests of several document servers',
  },
} as const

export type Program = keyof typeof programs

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The path of a program, or undefined where it is not installed. `SKERRY_<PROGRAM>` names another place. */
export const findProgram = (program: Program, env: NodeJS.ProcessEnv = process.env): string | undefined => {
  const given = env[`SKERRY_${program.toUpperCase()}`]
  if (given) return executable(given) ? given : undefined
  const folders = [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return programs[program].names
    .flatMap(name => folders.map(folder => join(folder, name)))
    .find(path => executable(path))
}

const apt = (args: readonly string[]): string | undefined => {
  const { status, stderr, error } = spawnSync('apt-get', args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 300_000,
  })
  if (error) return error.message
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `apt-get ended with ${status}`)
}

/** Installs packages; the reason when that fails. */
const install = (packages: readonly string[]): string | undefined => {
  if (process.getuid?.() !== 0) return 'only root can install it'
  const command = ['install', '-y', '--no-install-recommends', ...packages]
  if (apt(command) === undefined) return undefined
  // a machine whose package lists are old or missing
  return apt(['update']) ?? apt(command)
}

/** Why a program is not there, by program. Empty: all are. */
export type Missing = Readonly<Partial<Record<Program, string>>>

/** Finds or installs all programs. */
export const providePrograms = (): Missing => {
  const names = Object.keys(programs) as Program[]
  const absent = names.filter(name => findProgram(name) === undefined)
  if (absent.length === 0) return {}
  const reason = install(absent.map(name => programs[name].package)) ?? 'its package does not bring it'
  return Object.fromEntries(absent.filter(name => findProgram(name) === undefined).map(name => [name, reason]))
}
