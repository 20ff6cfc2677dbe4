// The checked tree: every operator, function and cast is chosen, every literal has its type. What is rendered for
// PostgreSQL and what is evaluated here both come from this tree alone, so they cannot choose differently.

import type { TypeName } from './types.ts'
import type { Value } from './values.ts'

/** What is known of an expression's collation. Constants alone have `undefined`: the database's default, unknown here. */
export interface Collation {
  /** order is that of the bytes */
  readonly order: boolean
  /** only ASCII letters have a case: C, POSIX, ucs_basic */
  readonly ascii: boolean
  readonly deterministic: boolean
  /** its SQL name; undefined where columns of several collations meet, or where it is not known */
  readonly name?: string
  /** went through lower() or upper() without such a collation: comparable with ASCII constants only */
  readonly folded: boolean
}

/** Computes a call's value from arguments that are not NULL (`strict`) or may be. Throws EvaluationError. */
export type Implementation = (...args: readonly (Value | null)[]) => Value | null

/** Where a literal of yet unknown type stands, and who wants to hear what it becomes. */
export interface Literal {
  readonly location: number | undefined
  readonly becomes?: (type: TypeName) => void
}

interface Typed {
  readonly type: TypeName
  readonly collation: Collation | undefined
}

/** The other table of an IN (SELECT …). */
export interface Subselect {
  readonly schema: string
  readonly name: string
  /** what is selected, in the order of the values on the left */
  readonly columns: readonly (Typed & { readonly kind: 'column'; readonly name: string })[]
  readonly condition: Expr | null
}

/** An expression of a known type. */
export type Expr =
  | (Typed & { readonly kind: 'const'; readonly value: Value | null; readonly literal?: Literal })
  | (Typed & { readonly kind: 'column'; readonly name: string })
  | (Typed & {
      readonly kind: 'call'
      /** how it is written: `a op b` or `op a`, `name(args)`, `CAST(a AS type)`, `a COLLATE "C"` */
      readonly form: 'operator' | 'function' | 'cast' | 'collate'
      /** operator symbol, function name or SQL type text */
      readonly name: string
      readonly args: readonly Expr[]
      readonly strict: boolean
      readonly run: Implementation
    })
  | (Typed & { readonly kind: 'and' | 'or'; readonly args: readonly Expr[] })
  | (Typed & { readonly kind: 'not'; readonly arg: Expr })
  | (Typed & { readonly kind: 'null-test'; readonly arg: Expr; readonly negated: boolean })
  | (Typed & {
      readonly kind: 'bool-test'
      readonly arg: Expr
      readonly test: 'TRUE' | 'FALSE' | 'UNKNOWN'
      readonly negated: boolean
    })
  | (Typed & {
      readonly kind: 'distinct'
      readonly left: Expr
      readonly right: Expr
      readonly run: Implementation
      readonly negated: boolean
    })
  | (Typed & {
      readonly kind: 'any-all'
      readonly name: string
      readonly all: boolean
      readonly left: Expr
      readonly right: Expr
      readonly run: Implementation
    })
  | (Typed & { readonly kind: 'array'; readonly elements: readonly Expr[] })
  | (Typed & { readonly kind: 'coalesce'; readonly args: readonly Expr[] })
  | (Typed & { readonly kind: 'greatest' | 'least'; readonly args: readonly Expr[] })
  | (Typed & { readonly kind: 'nullif'; readonly left: Expr; readonly right: Expr; readonly run: Implementation })
  | (Typed & {
      readonly kind: 'subscript'
      readonly arg: Expr
      readonly slice: boolean
      readonly subscripts: readonly { readonly lower: Expr | undefined; readonly upper: Expr | undefined }[]
    })
  | (Typed & {
      /** (a, b) IN (SELECT …); never evaluated as an expression, see ../subquery */
      readonly kind: 'member'
      readonly args: readonly Expr[]
      readonly from: Subselect
    })

/** One kind of expression. */
export type ExprOf<K extends Expr['kind']> = Extract<Expr, { readonly kind: K }>

const present = (parts: readonly (Expr | undefined)[]): readonly Expr[] => parts.filter(part => part !== undefined)

/** The expressions that an expression is made of. */
export const partsOf = (expr: Expr): readonly Expr[] => {
  switch (expr.kind) {
    case 'const':
    case 'column':
      return []
    case 'not':
    case 'null-test':
    case 'bool-test':
      return [expr.arg]
    case 'distinct':
    case 'any-all':
    case 'nullif':
      return [expr.left, expr.right]
    case 'array':
      return expr.elements
    case 'subscript':
      return present([expr.arg, ...expr.subscripts.flatMap(({ lower, upper }) => [lower, upper])])
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'greatest':
    case 'least':
    case 'member':
      return expr.args
  }
}

/**
 * The number of expressions in a tree. One that several others share (the value of a BETWEEN, say) is one object and
 * counts each time, as it does in the SQL; it is looked at once, so that counting cannot take longer than building did.
 */
export const sizeOf = (expr: Expr, known: Map<Expr, number> = new Map()): number => {
  const before = known.get(expr)
  if (before !== undefined) return before
  const size = partsOf(expr).reduce((sum, part) => sum + sizeOf(part, known), 1)
  known.set(expr, size)
  return size
}
