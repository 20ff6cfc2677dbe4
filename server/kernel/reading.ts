// What read routes share: the standing of the caller as an AccessLookup over a READ ONLY transaction, and whose lists they
// are where those span applications.
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { SignedIn } from './actor.ts'
import type { Reader } from './database.ts'
import { AppError } from './errors.ts'
import type { AccessLookup, Scope, Standing } from './policy.ts'
import { limitedTo } from './scopes.ts'

export type ReadStanding = (reader: Reader, userId: string | undefined, scope: Scope) => Promise<Standing>

/** An AccessLookup for one read request. */
export const readAccess = (find: ReadStanding, reader: Reader, userId: string | undefined): AccessLookup => ({
  standing: scope => find(reader, userId, scope),
})

/** A person with what his API token leaves of his applications. */
export interface Caller {
  readonly userId: string
  /** undefined: all. */
  readonly applicationIds: readonly string[] | undefined
}

/** The person behind `actor`; 403 for the server itself. */
export const callerOf = (actor: SignedIn): Caller => {
  if (actor.userId === undefined) throw new AppError('forbidden')
  return { userId: actor.userId, applicationIds: limitedTo(actor) }
}

/** Does the application in `column` (null for what is personal) lie within the caller's? */
export const within = ({ applicationIds }: Caller, column: string): RawBuilder<SqlBool> =>
  applicationIds === undefined ? sql`true` : sql`${sql.ref(column)} = any(${applicationIds}::uuid[])`
