// Expressions whose parts are all constant, computed once. Calls fold themselves in resolve-call.ts.

import { Unanswered } from './asked.ts'
import { build } from './evaluate.ts'
import { EvaluationError, refuse } from './errors.ts'
import { partsOf, type Expr } from './tree.ts'

const isNull = (expr: Expr): boolean => expr.kind === 'const' && expr.value === null

// COALESCE loses its constant NULLs, and whatever stands after a constant that is not NULL. NULLIF with a constant NULL
// is its first argument.
const shortened = (expr: Expr): Expr => {
  if (expr.kind === 'nullif' && (isNull(expr.left) || isNull(expr.right))) return expr.left
  if (expr.kind !== 'coalesce') return expr
  const args: Expr[] = []
  for (const arg of expr.args) {
    if (isNull(arg)) continue
    args.push(arg)
    if (arg.kind === 'const') break
  }
  const [first, ...rest] = args
  return first !== undefined && rest.length === 0 ? first : { ...expr, args }
}

/** The constant that an expression amounts to, or the expression. Throws WhereError where PostgreSQL would raise. */
export const fold = (given: Expr, location: number | undefined): Expr => {
  const expr = shortened(given)
  if (expr.kind === 'const' || expr.kind === 'column' || !partsOf(expr).every(part => part.kind === 'const'))
    return expr
  try {
    return { kind: 'const', type: expr.type, collation: expr.collation, value: build(expr, new Map())([]) }
  } catch (error) {
    if (error instanceof EvaluationError) throw refuse(location, error.message)
    if (error instanceof Unanswered) return expr
    throw error
  }
}
