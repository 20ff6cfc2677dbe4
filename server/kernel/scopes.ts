// What an API token may be used for (domain rules, section 3). A token only ever narrows what its person may do: scopes say
// which kinds of calls, `applicationIds` where.
import type { Actor, RequiredScope, TokenGrant } from './actor.ts'
import { AppError, notFound } from './errors.ts'

const grantOf = (actor: Actor): TokenGrant | undefined => (actor.kind === 'user' ? actor.token : undefined)

/** 403 `scope_missing` when the caller comes with an API token that is not for this. */
export const requireScope = (actor: Actor, required: RequiredScope): void => {
  const grant = grantOf(actor)
  if (grant === undefined || (required !== 'session' && grant.scopes.includes(required))) return
  throw new AppError('scope_missing', { details: { required } })
}

/** The same for a command, whatever door it comes through. */
export const requireScopeFor = (actor: Actor, { scope = 'write' }: { readonly scope?: RequiredScope }): void =>
  requireScope(actor, scope)

/** The applications that the caller's token is limited to; undefined without a limit. */
export const limitedTo = (actor: Actor): readonly string[] | undefined => grantOf(actor)?.applicationIds

/** May the caller see anything of that application? Things of a person himself (undefined) are beyond a limited token. */
export const reaches = (actor: Actor, applicationId: string | undefined): boolean => {
  const limit = limitedTo(actor)
  return limit === undefined || (applicationId !== undefined && limit.includes(applicationId))
}

/** 404 for a token that is limited to applications, where something is the person's own. */
export const requirePersonal = (actor: Actor): void => {
  if (!reaches(actor, undefined)) throw notFound()
}
