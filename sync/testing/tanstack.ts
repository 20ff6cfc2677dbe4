// @tanstack/electric-db-collection in the two versions that people pair with a @tanstack/db: each version comes with the
// db it was made for, because it pins one exactly.
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { must } from '#server/kernel/must.ts'

/** The modules of one version. The types are those of the newer one; what the tests use is alike in both. */
export interface TanStack {
  readonly version: string
  readonly electric: typeof import('@tanstack/electric-db-collection')
  readonly db: typeof import('@tanstack/db')
}

/** Packages of the tree that hold a version. */
export const tanStackPackages = ['electric-db-collection-03', '@tanstack/electric-db-collection'] as const

/** Loads a version together with the copy of @tanstack/db that it loads itself. */
export const loadTanStack = async (name: (typeof tanStackPackages)[number]): Promise<TanStack> => {
  const require = createRequire(import.meta.url)
  const entry = require.resolve(name)
  const root = (of: string, from: string) => must(findPackageJSON(of, pathToFileURL(from)), of)
  const { version } = require(root(name, import.meta.filename)) as { version: string }
  const dbEntry = join(dirname(root('@tanstack/db', entry)), 'dist/esm/index.js')
  return {
    version,
    electric: (await import(name)) as TanStack['electric'],
    db: (await import(pathToFileURL(dbEntry).href)) as TanStack['db'],
  }
}
