// Operator expressions, following parse_expr.c: which comparisons an IN or a BETWEEN stands for, how ANY and ALL choose
// their operator, what rows compare as.

import type { A_Expr, Node } from 'libpg-query'
import { commonType } from './catalog.ts'
import { checkCaseOfArray } from './collation.ts'
import { refuse } from './errors.ts'
import { fold } from './fold.ts'
import { catalogName, hasColumn, items, locationOf, nameParts, required, type Location, type Resolve } from './nodes.ts'
import { bindOperator, coerce, coerceBool, constant, makeArray, makeOperator } from './resolve-call.ts'
import { boolLike } from './simplify.ts'
import type { Expr } from './tree.ts'
import { arrayTypeOf, elementOf, isRow, typeLabel, type TypeName } from './types.ts'

const nullTest = (arg: Expr, negated: boolean): Expr => {
  if (arg.kind === 'const') return constant('bool', (arg.value === null) !== negated)
  if (isRow(arg.type)) throw refuse(undefined, 'IS NULL of a composite value is not supported')
  return { kind: 'null-test', type: 'bool', collation: undefined, arg, negated }
}

const isNullConst = (expr: Expr): boolean => expr.kind === 'const' && expr.type === 'unknown' && expr.value === null

const distinct = (left: Expr, right: Expr, negated: boolean, location: Location): Expr => {
  if (isNullConst(right)) return nullTest(left, !negated)
  if (isNullConst(left)) return nullTest(right, !negated)
  const bound = bindOperator('=', [left, right], location)
  const [a = left, b = right] = bound.args
  return fold(
    { kind: 'distinct', type: 'bool', collation: undefined, left: a, right: b, run: bound.run, negated },
    location,
  )
}

// `at` is where the array stands.
const quantified = (name: string, left: Expr, right: Expr, all: boolean, location: Location, at = location): Expr => {
  const element = right.type === 'unknown' ? 'unknown' : elementOf(right.type)
  if (element === undefined) throw refuse(at, `argument of ${all ? 'ALL' : 'ANY'} must be an array`)
  // The operator is chosen for the element type; a stand-in of that type takes the array's place.
  const standIn: Expr =
    right.kind === 'const'
      ? constant(element, null)
      : { kind: 'column', type: element, collation: right.collation, name: '' }
  const bound = bindOperator(name, [left, standIn], location)
  if (bound.result !== 'bool') throw refuse(location, 'ANY/ALL requires operator that returns bool')
  const elementType = bound.args[1]?.type ?? element
  const arrayType = arrayTypeOf(elementType)
  if (arrayType === undefined) throw refuse(location, `arrays of ${typeLabel(elementType)} are not supported`)
  checkCaseOfArray(bound.args[0] ?? left, right, location)
  return fold(
    {
      kind: 'any-all',
      type: 'bool',
      collation: undefined,
      name,
      all,
      left: bound.args[0] ?? left,
      right: coerce(right, arrayType, 'implicit', location),
      run: bound.run,
    },
    location,
  )
}

/** ARRAY[…] over elements that become one type. */
export const arrayOf = (elements: readonly Expr[], elementType: TypeName, location: Location): Expr => {
  const type = arrayTypeOf(elementType)
  if (type === undefined) throw refuse(location, `arrays of ${typeLabel(elementType)} are not supported`)
  return makeArray(
    type,
    elements.map(element => coerce(element, elementType, 'implicit', location)),
  )
}

// (a, b) = (c, d) is the AND of its pairs, <> the OR.
const compareRows = (name: string, left: readonly Expr[], right: Node, location: Location, resolve: Resolve): Expr => {
  const b = 'RowExpr' in right ? (right.RowExpr.args ?? []) : []
  if (name !== '=' && name !== '<>') throw refuse(location, `rows cannot be compared by ${name} here`)
  if (left.length === 0 || left.length !== b.length)
    throw refuse(location, 'unequal number of entries in row expressions')
  const pairs = left.map((item, i) => makeOperator(name, [item, resolve(required(b[i], location))], location))
  return boolLike(name === '=' ? 'and' : 'or', pairs)
}

/** IS [NOT] NULL; a row passes it when each of its fields does. */
export const nullTestOf = (node: Node, negated: boolean, resolve: Resolve): Expr => {
  if (!('RowExpr' in node)) return nullTest(resolve(node), negated)
  const fields = (node.RowExpr.args ?? []).map(field => resolve(field))
  return boolLike(
    'and',
    fields.map(field => nullTest(field, negated)),
  )
}

// transformAExprIn: several constants become one array, anything with a column a comparison of its own.
const resolveIn = (node: A_Expr, resolve: Resolve): Expr => {
  const negated = catalogName(node.name) === '<>'
  const operator = negated ? '<>' : '='
  const leftNode = required(node.lexpr, node.location)
  const nodes = items(node.rexpr)
  if ('RowExpr' in leftNode) {
    const fields = (leftNode.RowExpr.args ?? []).map(field => resolve(field))
    const rows = nodes.map(item => compareRows(operator, fields, item, node.location, resolve))
    return boolLike(negated ? 'and' : 'or', rows)
  }
  const left = resolve(leftNode)
  const all = nodes.map(item => resolve(item))
  const constants = all.filter((_, i) => !hasColumn(nodes[i]))
  const rest = all.filter((_, i) => hasColumn(nodes[i]))
  const common = constants.length > 1 ? commonType([left.type, ...constants.map(expr => expr.type)]) : undefined
  const asArray = common !== undefined && arrayTypeOf(common) !== undefined
  const parts: Expr[] = []
  if (asArray) parts.push(quantified(operator, left, arrayOf(constants, common, node.location), negated, node.location))
  for (const expr of asArray ? rest : all) parts.push(makeOperator(operator, [left, expr], node.location))
  return boolLike(
    negated ? 'and' : 'or',
    parts.map(part => coerceBool(part, node.location)),
  )
}

const resolveBetween = (node: A_Expr, resolve: Resolve): Expr => {
  const value = resolve(required(node.lexpr, node.location))
  const [low, high] = items(node.rexpr)
  const lower = resolve(required(low, node.location))
  const upper = resolve(required(high, node.location))
  const compare = (name: string, bound: Expr): Expr => makeOperator(name, [value, bound], node.location)
  const within = (a: Expr, b: Expr): Expr => boolLike('and', [compare('>=', a), compare('<=', b)])
  const outside = (a: Expr, b: Expr): Expr => boolLike('or', [compare('<', a), compare('>', b)])
  switch (node.kind) {
    case 'AEXPR_BETWEEN':
      return within(lower, upper)
    case 'AEXPR_NOT_BETWEEN':
      return outside(lower, upper)
    case 'AEXPR_BETWEEN_SYM':
      return boolLike('or', [within(lower, upper), within(upper, lower)])
    default:
      return boolLike('and', [outside(lower, upper), outside(upper, lower)])
  }
}

/** Whatever the grammar calls an A_Expr: operators, IN, BETWEEN, ANY and ALL, DISTINCT, NULLIF. */
export const resolveOperator = (node: A_Expr, resolve: Resolve): Expr => {
  const { location } = node
  const name = catalogName(node.name)
  if (name === undefined) throw refuse(location, `unknown operator "${nameParts(node.name).join('.')}"`)
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE': {
      if (node.lexpr !== undefined && 'RowExpr' in node.lexpr) {
        const fields = (node.lexpr.RowExpr.args ?? []).map(field => resolve(field))
        return compareRows(name, fields, required(node.rexpr, location), location, resolve)
      }
      const right = resolve(required(node.rexpr, location))
      const args = node.lexpr === undefined ? [right] : [resolve(node.lexpr), right]
      return makeOperator(name, args, location)
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const left = resolve(required(node.lexpr, location))
      const right = required(node.rexpr, location)
      return quantified(name, left, resolve(right), node.kind === 'AEXPR_OP_ALL', location, locationOf(right))
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT': {
      const left = resolve(required(node.lexpr, location))
      const right = resolve(required(node.rexpr, location))
      return distinct(left, right, node.kind === 'AEXPR_NOT_DISTINCT', location)
    }
    case 'AEXPR_NULLIF': {
      const left = resolve(required(node.lexpr, location))
      const right = resolve(required(node.rexpr, location))
      const bound = bindOperator('=', [left, right], location)
      const [a = left, b = right] = bound.args
      return fold({ kind: 'nullif', type: a.type, collation: a.collation, left: a, right: b, run: bound.run }, location)
    }
    case 'AEXPR_IN':
      return resolveIn(node, resolve)
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return resolveBetween(node, resolve)
    default:
      throw refuse(location, `${node.kind ?? 'the operator'} is not supported in this context`)
  }
}
