// What PostgreSQL's planner makes of constant conditions before it evaluates anything. It matters for errors only: a part
// that is dropped there cannot raise, so it is dropped here too, from the SQL as well as from the predicate.

import type { Expr } from './tree.ts'

const constantBool = (value: boolean | null): Expr => ({ kind: 'const', type: 'bool', collation: undefined, value })

const isConstant = (expr: Expr, value: boolean | null): boolean => expr.kind === 'const' && expr.value === value

/** AND or OR: a constant decides it or goes; nested ones of the same kind become one. */
export const boolLike = (kind: 'and' | 'or', given: readonly Expr[]): Expr => {
  const decisive = kind === 'or'
  const args = given.flatMap(arg => (arg.kind === kind ? arg.args : [arg])).filter(arg => !isConstant(arg, !decisive))
  if (args.some(arg => isConstant(arg, decisive))) return constantBool(decisive)
  const [first, ...rest] = args
  if (first === undefined) return constantBool(!decisive)
  if (args.every(arg => isConstant(arg, null))) return constantBool(null)
  return rest.length === 0 ? first : { kind, type: 'bool', collation: undefined, args }
}

/** NOT: of a constant computed, of AND and OR pushed inward, of NOT dropped. */
export const not = (arg: Expr): Expr => {
  if (arg.kind === 'const') return constantBool(arg.value === null ? null : arg.value !== true)
  if (arg.kind === 'not') return arg.arg
  if (arg.kind === 'and' || arg.kind === 'or') return boolLike(arg.kind === 'and' ? 'or' : 'and', arg.args.map(not))
  return { kind: 'not', type: 'bool', collation: undefined, arg }
}

/** The condition of a WHERE, where NULL is as good as false: a constant NULL decides an AND and drops out of an OR. */
export const simplifyCondition = (expr: Expr): Expr => {
  if (isConstant(expr, null)) return constantBool(false)
  if (expr.kind !== 'and' && expr.kind !== 'or') return expr
  return boolLike(expr.kind, expr.args.map(simplifyCondition))
}
