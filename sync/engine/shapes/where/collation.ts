// Collations: what may depend on one, and what we do about case.
//
// Order: only where the column's is known to be bytewise. Equality and LIKE: any deterministic one.
// Case (lower, upper, ILIKE): exact under C, POSIX and ucs_basic. Under any other collation only ASCII letters have a case
// that can be relied on, so the SQL says COLLATE "C", and what comes out may only be compared with ASCII constants: then
// the collation's own case for other letters makes no difference, and the predicate and the SQL agree in any case.

import { refuse, type WhereError } from './errors.ts'
import { caseFunctions } from './functions-text.ts'
import type { Location } from './nodes.ts'
import { isAscii } from './text.ts'
import type { Collation, Expr } from './tree.ts'
import type { ArrayValue } from './values.ts'

/** The collation of C: nothing depends on anything. */
export const bytewise: Collation = { order: true, ascii: true, deterministic: true, folded: false }

// Constants have the default collation, which gives way to that of a column.
const nameOf = (args: readonly Expr[]): { readonly name?: string } => {
  const names = new Set(args.flatMap(arg => (arg.kind === 'const' || !arg.collation ? [] : [arg.collation.name])))
  const [name] = names
  return names.size === 1 && name !== undefined ? { name } : {}
}

/** What is known of the collation of several expressions together: no more than of each. */
export const mergeCollations = (args: readonly Expr[]): Collation | undefined => {
  let merged: Collation | undefined
  for (const { collation } of args) {
    if (collation === undefined) continue
    merged = {
      order: (merged?.order ?? true) && collation.order,
      ascii: (merged?.ascii ?? true) && collation.ascii,
      deterministic: (merged?.deterministic ?? true) && collation.deterministic,
      folded: (merged?.folded ?? false) || collation.folded,
    }
  }
  return merged && { ...merged, ...nameOf(args) }
}

/** The refusal of what needs a bytewise order. */
export const dependsOnCollation = (what: string, location: Location): WhereError =>
  refuse(location, `${what} depends on the collation; only bytewise ones are supported, e.g. (x COLLATE "C")`)

/**
 * Refuses what depends on a collation that is not known to allow it. Returns the name of the collation under which
 * PostgreSQL has to be asked for the order; undefined when it need not be.
 */
export const checkCollation = (
  need: 'none' | 'deterministic' | 'order',
  args: readonly Expr[],
  what: string,
  location: Location,
): string | undefined => {
  if (need === 'none') return undefined
  const collation = mergeCollations(args)
  if (collation !== undefined && !collation.deterministic) {
    throw refuse(location, `${what} is not supported for a nondeterministic collation`)
  }
  if (need === 'order' && (collation?.order !== true || collation.folded)) {
    if (collation?.name !== undefined && !collation.folded) return collation.name
    throw dependsOnCollation(what, location)
  }
  return undefined
}

const isAsciiConst = (expr: Expr): boolean => {
  if (expr.kind !== 'const' || expr.value === null) return expr.kind === 'const'
  if (typeof expr.value === 'string') return isAscii(expr.value)
  const { elements } = expr.value as ArrayValue
  return elements.every(element => typeof element !== 'string' || isAscii(element))
}

// What folded text may be put into, besides folding it again.
const comparisons =
  /^(?:text_?(?:eq|ne)|bpchar(?:eq|ne)|name(?:eq|ne)(?:text)?|text(?:eq|ne)name|textn?like|text_starts_with)$/

/**
 * The rule for case at one call: which arguments it may have. `folds` says that its result, or its comparison, is made
 * under COLLATE "C" because the arguments' own collation is not known to have ASCII case.
 */
export const checkCase = (
  source: string,
  args: readonly Expr[],
  what: string,
  location: Location,
): { readonly folds: boolean } => {
  const merged = mergeCollations(args)
  const known = merged?.ascii === true && !merged.folded
  if (caseFunctions.has(source)) {
    const plain = args.every(isAsciiConst)
    if (known || plain) return { folds: false }
    const constant = args.every(arg => arg.kind === 'const')
    if (constant || (args.length === 2 && !args.some(isAsciiConst))) {
      throw refuse(location, `${what} needs an ASCII constant under this collation, or COLLATE "C"`)
    }
    return { folds: true }
  }
  if (merged?.folded === true && !(comparisons.test(source) && args.some(isAsciiConst))) {
    throw refuse(location, `lower() and upper() can only be compared with ASCII constants under this collation`)
  }
  return { folds: false }
}

/** The rule for ANY and ALL, whose array is not an argument of the operator. */
export const checkCaseOfArray = (left: Expr, right: Expr, location: Location): void => {
  const folded = left.collation?.folded === true || right.collation?.folded === true
  if (folded && !isAsciiConst(left) && !isAsciiConst(right)) {
    throw refuse(location, `lower() and upper() can only be compared with ASCII constants under this collation`)
  }
}

/** An expression under COLLATE "C", for what folds. */
export const underC = (expr: Expr): Expr => {
  if (expr.kind === 'const') return expr
  const collation: Collation = { ...bytewise, folded: true }
  const name = 'pg_catalog."C"'
  return { kind: 'call', form: 'collate', name, type: expr.type, collation, args: [expr], strict: true, run: a => a }
}
