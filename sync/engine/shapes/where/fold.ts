// Expressions whose parts are all constant, computed once. Calls fold themselves in resolve-call.ts.

import { build } from './evaluate.ts'
import { EvaluationError, refuse } from './errors.ts'
import type { Expr } from './tree.ts'

const partsOf = (expr: Expr): readonly (Expr | undefined)[] => {
  switch (expr.kind) {
    case 'bool-test':
      return [expr.arg]
    case 'distinct':
    case 'any-all':
    case 'nullif':
      return [expr.left, expr.right]
    case 'coalesce':
    case 'greatest':
    case 'least':
      return expr.args
    case 'array':
      return expr.elements
    case 'subscript':
      return [expr.arg, ...expr.subscripts.flatMap(({ lower, upper }) => [lower, upper])]
    default:
      return [expr]
  }
}

// COALESCE loses its constant NULLs, and whatever stands after a constant that is not NULL.
const shortened = (expr: Expr): Expr => {
  if (expr.kind !== 'coalesce') return expr
  const args: Expr[] = []
  for (const arg of expr.args) {
    if (arg.kind === 'const' && arg.value === null) continue
    args.push(arg)
    if (arg.kind === 'const') break
  }
  const [first, ...rest] = args
  return first !== undefined && rest.length === 0 ? first : { ...expr, args }
}

/** The constant that an expression amounts to, or the expression. Throws WhereError where PostgreSQL would raise. */
export const fold = (given: Expr, location: number | undefined): Expr => {
  const expr = shortened(given)
  if (!partsOf(expr).every(part => part === undefined || part.kind === 'const')) return expr
  if (expr.kind === 'const') return expr
  try {
    return { kind: 'const', type: expr.type, collation: expr.collation, value: build(expr, new Map())([]) }
  } catch (error) {
    if (error instanceof EvaluationError) throw refuse(location, error.message)
    throw error
  }
}
