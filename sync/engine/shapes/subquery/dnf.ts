// A condition with memberships → disjunctive normal form. Kleene's logic keeps what is TRUE under De Morgan and
// distribution, so a row is in the shape exactly when some disjunct has all its literals TRUE.
import { WhereError } from '../where/errors.ts'
import { render } from '../where/render.ts'
import { type Expr, type ExprOf, partsOf } from '../where/tree.ts'

/** Disjuncts that a clause may expand to. */
const disjunctLimit = 100
/** Positions in all disjuncts together. */
const positionLimit = 400

/** A condition that holds or does not; a negated one is TRUE when what it negates is FALSE. */
export type Literal =
  | { readonly kind: 'plain'; readonly expr: Expr }
  | { readonly kind: 'member'; readonly member: ExprOf<'member'>; readonly negated: boolean; readonly sql: string }

export interface Dnf {
  /** each once */
  readonly literals: readonly Literal[]
  /** indexes of literals; counted through, they are the positions */
  readonly disjuncts: readonly (readonly number[])[]
}

/** Whether there is a membership anywhere in the condition. */
export const hasMember = (expr: Expr): boolean => expr.kind === 'member' || partsOf(expr).some(hasMember)

const tooMany = () =>
  new WhereError(`the clause expands to more than ${disjunctLimit} alternatives around its subqueries`)

/** The normal form. Throws WhereError when it is too large, or a membership stands elsewhere than under AND, OR, NOT. */
export const toDnf = (condition: Expr): Dnf => {
  const literals: Literal[] = []
  const known = new Map<string, number>()
  const literalOf = (expr: Expr): number => {
    const sql = render(expr)
    const before = known.get(sql)
    if (before !== undefined) return before
    const inner = expr.kind === 'not' ? expr.arg : expr
    if (inner.kind === 'member') literals.push({ kind: 'member', member: inner, negated: expr.kind === 'not', sql })
    else if (hasMember(expr)) throw new WhereError('a subquery may only stand under AND, OR and NOT')
    else literals.push({ kind: 'plain', expr })
    known.set(sql, literals.length - 1)
    return literals.length - 1
  }
  const expand = (expr: Expr): number[][] => {
    if (expr.kind === 'or') {
      const all = expr.args.flatMap(expand)
      if (all.length > disjunctLimit) throw tooMany()
      return all
    }
    if (expr.kind !== 'and') return [[literalOf(expr)]]
    let product: number[][] = [[]]
    for (const arg of expr.args) {
      const factors = expand(arg)
      if (product.length * factors.length > disjunctLimit) throw tooMany()
      product = product.flatMap(left => factors.map(right => [...left, ...right]))
    }
    return product
  }
  const disjuncts = expand(condition)
  if (disjuncts.reduce((sum, disjunct) => sum + disjunct.length, 0) > positionLimit) throw tooMany()
  return { literals, disjuncts }
}
