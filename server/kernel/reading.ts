// What read routes share: the standing of the caller as an AccessLookup over a READ ONLY transaction.
import type { AccessLookup, Scope, Standing } from './policy.ts'
import type { Reader } from './database.ts'

export type ReadStanding = (reader: Reader, userId: string | undefined, scope: Scope) => Promise<Standing>

/** An AccessLookup for one read request. */
export const readAccess = (find: ReadStanding, reader: Reader, userId: string | undefined): AccessLookup => ({
  standing: scope => find(reader, userId, scope),
})
