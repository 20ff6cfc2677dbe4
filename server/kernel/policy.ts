// Permission as values: a policy says for each action which access codes suffice; `decide` turns a row and an actor
// into Granted or into 404/403. Write queries take a Granted, and only this file makes one.
import type { SignedIn } from './actor.ts'
import { AppError, notFound } from './errors.ts'
import { reaches } from './scopes.ts'

export type Role = 'owner' | 'editor' | 'viewer'
export type ProjectRole = 'admin' | 'member'

/** What a person is in an application and, where a project is meant, in that project. */
export interface Standing {
  readonly role: Role | undefined
  readonly projectRole: ProjectRole | undefined
  /** An archived application refuses most writes, see `requireLive`. */
  readonly applicationArchived: boolean
}

export const stranger: Standing = { role: undefined, projectRole: undefined, applicationArchived: false }

/** A person with what is his alone. */
const himself: Standing = { role: 'owner', projectRole: undefined, applicationArchived: false }

/** Where a row lives. */
export interface Scope {
  readonly applicationId: string
  readonly projectId?: string | undefined
}

/** The access codes of the domain rules, section 1.2, as predicates. */
export const codes = {
  MEMBER: ({ role }: Standing): boolean => role !== undefined,
  EDITOR: ({ role }: Standing): boolean => role === 'owner' || role === 'editor',
  OWNER: ({ role }: Standing): boolean => role === 'owner',
  CONTRIB: ({ role, projectRole }: Standing): boolean =>
    role === 'owner' || (role === 'editor' && projectRole !== undefined),
  PADMIN: ({ role, projectRole }: Standing): boolean =>
    role === 'owner' || (role === 'editor' && projectRole === 'admin'),
} as const

export type Code = keyof typeof codes

/** An extra condition on the row itself, such as "the author". */
export type RowRule<Row> = (row: Row, actor: SignedIn, standing: Standing) => boolean

/** action → code, or a rule of the row. Every action needs at least MEMBER: others must not learn that the row exists. */
export interface Policy<Action extends string, Row> {
  readonly entity: string
  readonly scopeOf: (row: Row) => Scope
  /** Whose row it is, where it belongs to a person and not to an application: nobody else learns that it exists. */
  readonly personOf?: (row: Row) => string | undefined
  readonly actions: Readonly<Record<Action, Code | RowRule<Row>>>
}

declare const grantedBrand: unique symbol
/** Proof that `Action` on `row` was decided, in this transaction. */
export interface Granted<Action extends string, Row> {
  readonly row: Row
  readonly standing: Standing
  readonly [grantedBrand]: Action
}

export type Decision = 'allowed' | 'forbidden' | 'hidden'

/** Looks a person's standing up, under the lock that the caller's transaction needs. */
export interface AccessLookup {
  standing(scope: Scope): Promise<Standing>
}

/** Pure part: what does `policy` say? The server itself (system, import) may do everything. */
export const decision = <Action extends string, Row>(
  policy: Policy<Action, Row>,
  action: Action,
  row: Row,
  actor: SignedIn,
  standing: Standing,
): Decision => {
  if (actor.kind === 'system') return 'allowed'
  if (!codes.MEMBER(standing)) return 'hidden'
  const rule: Code | RowRule<Row> = policy.actions[action]
  const allowed = typeof rule === 'function' ? rule(row, actor, standing) : codes[rule](standing)
  return allowed ? 'allowed' : 'forbidden'
}

/** What `actor` is to `row`: himself with his own, otherwise what `access` finds; nothing where his token does not reach. */
export const standingOf = async <Action extends string, Row>(
  policy: Policy<Action, Row>,
  row: Row,
  actor: SignedIn,
  access: AccessLookup,
): Promise<Standing> => {
  const person = policy.personOf?.(row)
  const scope = person === undefined ? policy.scopeOf(row) : undefined
  if (!reaches(actor, scope?.applicationId)) return stranger
  if (scope !== undefined) return access.standing(scope)
  return person === actor.userId ? himself : stranger
}

/** Granted, or 404 for what the actor may not even see, or 403. `row` undefined (no such row) is the same 404. */
export const decide = async <Action extends string, Row>(
  policy: Policy<Action, Row>,
  action: Action,
  row: Row | undefined,
  actor: SignedIn,
  access: AccessLookup,
): Promise<Granted<Action, Row>> => {
  if (row === undefined) throw notFound()
  const standing = await standingOf(policy, row, actor, access)
  const found = decision(policy, action, row, actor, standing)
  if (found === 'hidden') throw notFound()
  if (found === 'forbidden') throw new AppError('forbidden')
  return { row, standing } as Granted<Action, Row>
}

/** 409 for a write into an archived application (domain rules, section 3). */
export const requireLive = (granted: { readonly standing: Standing }): void => {
  if (granted.standing.applicationArchived) throw new AppError('application_archived')
}

/** Sets in, allowed subset out: the rows of one application that the actor may `action`. */
export const allowedRows = <Action extends string, Row>(
  policy: Policy<Action, Row>,
  action: Action,
  rows: readonly Row[],
  actor: SignedIn,
  standing: Standing,
): Row[] => rows.filter(row => decision(policy, action, row, actor, standing) === 'allowed')
