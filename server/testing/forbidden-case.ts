// A case of the forbidden matrix: how a route is called, and who may where its access alone does not say it.
import type { Board, People, Person } from './board.ts'

export const roles = ['anonymous', 'stranger', 'viewer', 'editor', 'member', 'admin', 'owner'] as const
export type Role = (typeof roles)[number]
export type Signed = Exclude<Role, 'anonymous'>

export const signed: readonly Signed[] = ['stranger', 'viewer', 'editor', 'member', 'admin', 'owner']
export const members: readonly Signed[] = ['viewer', 'editor', 'member', 'admin', 'owner']

/** Folders and documents: in the application, in the project, and the owner's own. */
export interface Library {
  readonly folder: string
  readonly trashedFolder: string
  readonly document: string
  readonly trashedDocument: string
  readonly projectFolder: string
  readonly projectDocument: string
  readonly ownFolder: string
  readonly ownDocument: string
  readonly tag: string
  readonly ownTag: string
  readonly template: string
  /** Made by the owner, of `document` and of `ownDocument`. */
  readonly snapshot: string
  readonly ownSnapshot: string
  /** Made by the owner, on `document` and on `ownDocument`. */
  readonly comment: string
  readonly ownComment: string
}

/** One of everything, around one board. */
export interface Fixture extends Board {
  readonly task: string
  readonly archived: string
  readonly trashed: string
  readonly list: string
  readonly item: string
  /** A comment of each member. */
  readonly comments: Readonly<Record<Signed, string>>
  /** For an address, sent by the owner. */
  readonly invitation: string
  readonly token: string
  /** For the stranger's account, sent by the owner. */
  readonly invited: string
  /** What the stranger was told of it. */
  readonly told: string
  /** For an address, sent by the editor, a minute ago. */
  readonly editors: string
  readonly library: Library
}

export interface CallContext {
  readonly f: Fixture
  readonly role: Role
  readonly people: People
  /** Undefined for nobody. */
  readonly me: Person | undefined
}

export interface Call {
  /** Values of the path's parameters. */
  readonly params?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: unknown
}

export interface Case {
  /** Which of several ways to call the route. */
  readonly name?: string
  readonly call: (context: CallContext) => Call | Promise<Call>
  /** Who may, where it depends on the row (SELF, AUTHOR) or less than the access code may do this. */
  readonly allowed?: readonly Role[]
  /** Members who may not even know: 404 instead of 403. */
  readonly hides?: boolean
  /** An allowed call that a rule of the product refuses: the code proves that the right was granted. */
  readonly proof?: Readonly<Partial<Record<Role, string>>>
  /** Ends or changes the session it is called with: it gets a person of its own. */
  readonly ownPerson?: boolean
}

/** A call with the same parameters and body whoever calls. */
export const plain = (params?: (f: Fixture) => Record<string, string>, body?: unknown): Case => ({
  call: ({ f }) => ({ ...(params ? { params: params(f) } : {}), body }),
})
