// Parse tree → checked tree: names, literals, parameters and each kind of expression, following parse_expr.c. Kinds that
// are not listed here are refused by name.

import type {
  A_Const,
  A_Expr,
  A_Indirection,
  BoolExpr,
  BooleanTest,
  ColumnRef,
  FuncCall,
  MinMaxExpr,
  Node,
} from 'libpg-query'
import { categoryOf, commonType } from './catalog.ts'
import { refuse, WhereError } from './errors.ts'
import { catalogName, nameParts } from './names.ts'
import { numericOfInteger, parseNumeric } from './numeric.ts'
import { makeCast } from './resolve-cast.ts'
import {
  bindOperator,
  checkCollation,
  coerce,
  coerceBool,
  constant,
  makeArray,
  makeFunction,
  makeOperator,
  mergeCollations,
  typeLabel,
  type Location,
} from './resolve-call.ts'
import type { Collation, Expr } from './tree.ts'
import { arrayTypeOf, columnType, elementOf, isCollatable, isEnum, parseBigint, type TypeName } from './types.ts'
import type { WhereColumn } from './where.ts'

/** What names and parameters stand for, and what was found out on the way. */
export interface Scope {
  readonly columns: ReadonlyMap<string, WhereColumn>
  readonly params: Readonly<Record<string, string>>
  /** category and type that a parameter was first used with */
  readonly paramTypes: Map<number, TypeName>
}

const boolLike = (kind: 'and' | 'or', args: readonly Expr[]): Expr => {
  const [first, ...rest] = args
  if (first !== undefined && rest.length === 0) return first
  return { kind, type: 'bool', collation: undefined, args }
}

const not = (arg: Expr): Expr => ({ kind: 'not', type: 'bool', collation: undefined, arg })

const required = (node: Node | undefined, location: Location): Node => {
  if (node === undefined) throw refuse(location, 'the expression is incomplete')
  return node
}

const items = (node: Node | undefined): readonly Node[] =>
  node !== undefined && 'List' in node ? (node.List.items ?? []) : node === undefined ? [] : [node]

const resolveConst = (node: A_Const): Expr => {
  if (node.isnull === true) return constant('unknown', null)
  if (node.ival !== undefined) return constant('int4', node.ival.ival ?? 0)
  if (node.boolval !== undefined) return constant('bool', node.boolval.boolval ?? false)
  if (node.sval !== undefined) return constant('unknown', node.sval.sval ?? '')
  if (node.fval === undefined) throw refuse(node.location, 'bit string constants are not supported')
  const text = node.fval.fval ?? '0'
  const whole = parseBigint(text)
  if (whole !== undefined) {
    if (whole >= -2_147_483_648n && whole < 2_147_483_648n) return constant('int4', Number(whole))
    if (whole >= -9_223_372_036_854_775_808n && whole < 9_223_372_036_854_775_808n) return constant('int8', whole)
    return constant('numeric', numericOfInteger(whole))
  }
  const value = parseNumeric(text)
  if (value === undefined) throw refuse(node.location, `invalid syntax for type numeric: ${text}`)
  return constant('numeric', value)
}

const resolveColumn = (node: ColumnRef, scope: Scope): Expr => {
  const parts = nameParts(node.fields)
  const column = parts.length === 1 ? scope.columns.get(parts[0] ?? '') : undefined
  if (column === undefined) throw refuse(node.location, `unknown reference ${parts.join('.')}`)
  const type = columnType(column)
  const collation: Collation | undefined = isCollatable(type)
    ? { safe: column.collationSafe, deterministic: column.collationDeterministic }
    : undefined
  return { kind: 'column', type, collation, name: column.name }
}

const resolveParam = (number: number, location: Location, scope: Scope): Expr => {
  const value = Object.hasOwn(scope.params, String(number)) ? scope.params[String(number)] : undefined
  if (value === undefined) throw refuse(location, `parameter $${number} was not provided`)
  if (value.includes('\0')) throw refuse(location, `parameter $${number} contains a NUL character`)
  return constant('unknown', value)
}

const resolveBool = (node: BoolExpr, scope: Scope): Expr => {
  const args = (node.args ?? []).map(arg => coerceBool(resolve(arg, scope), locationOf(arg) ?? node.location))
  const [first] = args
  if (node.boolop === 'NOT_EXPR' && first !== undefined) return not(first)
  return boolLike(node.boolop === 'AND_EXPR' ? 'and' : 'or', args)
}

const resolveBooleanTest = (node: BooleanTest, scope: Scope): Expr => {
  const arg = resolve(required(node.arg, node.location), scope)
  const [, negation, test = negation] = /^IS_(NOT_)?(\w+)$/.exec(node.booltesttype ?? '') ?? []
  if (test !== 'TRUE' && test !== 'FALSE' && test !== 'UNKNOWN') throw refuse(node.location, 'unknown test')
  if (arg.type !== 'bool' && arg.type !== 'unknown') {
    const words = `IS ${negation === undefined ? '' : 'NOT '}${test}`
    throw refuse(node.location, `argument of ${words} must be bool, not ${typeLabel(arg.type)}`)
  }
  const condition = coerceBool(arg, node.location)
  return {
    kind: 'bool-test',
    type: 'bool',
    collation: undefined,
    arg: condition,
    test,
    negated: negation !== undefined,
  }
}

const nullTest = (arg: Expr, negated: boolean): Expr => ({
  kind: 'null-test',
  type: 'bool',
  collation: undefined,
  arg: arg.type === 'unknown' ? coerce(arg, 'text', 'implicit', undefined) : arg,
  negated,
})

const isNullConst = (expr: Expr): boolean => expr.kind === 'const' && expr.type === 'unknown' && expr.value === null

const distinct = (left: Expr, right: Expr, negated: boolean, location: Location): Expr => {
  if (isNullConst(right)) return nullTest(left, !negated)
  if (isNullConst(left)) return nullTest(right, !negated)
  const bound = bindOperator('=', [left, right], location)
  const [a = left, b = right] = bound.args
  return { kind: 'distinct', type: 'bool', collation: undefined, left: a, right: b, run: bound.run, negated }
}

const quantified = (name: string, left: Expr, right: Expr, all: boolean, location: Location): Expr => {
  const element = right.type === 'unknown' ? 'unknown' : elementOf(right.type)
  if (element === undefined) throw refuse(location, 'op ANY/ALL (array) requires array on right side')
  // The operator is chosen for the element type; a stand-in of that type takes the array's place.
  const standIn: Expr =
    element === 'unknown'
      ? constant('unknown', null)
      : { kind: 'column', type: element, collation: right.collation, name: '' }
  const bound = bindOperator(name, [left, standIn], location)
  if (bound.result !== 'bool') throw refuse(location, 'op ANY/ALL (array) requires operator to yield boolean')
  const elementType = bound.args[1]?.type ?? element
  const arrayType = arrayTypeOf(elementType)
  if (arrayType === undefined) throw refuse(location, `arrays of ${typeLabel(elementType)} are not supported`)
  return {
    kind: 'any-all',
    type: 'bool',
    collation: undefined,
    name,
    all,
    left: bound.args[0] ?? left,
    right: coerce(right, arrayType, 'implicit', location),
    run: bound.run,
  }
}

const arrayOf = (elements: readonly Expr[], elementType: TypeName, location: Location): Expr => {
  const type = arrayTypeOf(elementType)
  if (type === undefined) throw refuse(location, `arrays of ${typeLabel(elementType)} are not supported`)
  return makeArray(
    type,
    elements.map(element => coerce(element, elementType, 'implicit', location)),
  )
}

// transformAExprIn: several constants become one array, anything with a column a comparison of its own.
const resolveIn = (node: A_Expr, scope: Scope): Expr => {
  const negated = catalogName(node.name) === '<>'
  const operator = negated ? '<>' : '='
  const left = resolve(required(node.lexpr, node.location), scope)
  const all = items(node.rexpr).map(item => resolve(item, scope))
  const constants = all.filter(expr => expr.kind === 'const')
  const rest = all.filter(expr => expr.kind !== 'const')
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

const resolveBetween = (node: A_Expr, scope: Scope): Expr => {
  const value = resolve(required(node.lexpr, node.location), scope)
  const [low, high] = items(node.rexpr)
  const lower = resolve(required(low, node.location), scope)
  const upper = resolve(required(high, node.location), scope)
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

const resolveOperator = (node: A_Expr, scope: Scope): Expr => {
  const { location } = node
  const name = catalogName(node.name)
  if (name === undefined) throw refuse(location, `unknown operator "${nameParts(node.name).join('.')}"`)
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE': {
      const right = resolve(required(node.rexpr, location), scope)
      const args = node.lexpr === undefined ? [right] : [resolve(node.lexpr, scope), right]
      return makeOperator(name, args, location)
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const left = resolve(required(node.lexpr, location), scope)
      return quantified(
        name,
        left,
        resolve(required(node.rexpr, location), scope),
        node.kind === 'AEXPR_OP_ALL',
        location,
      )
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT': {
      const left = resolve(required(node.lexpr, location), scope)
      const right = resolve(required(node.rexpr, location), scope)
      return distinct(left, right, node.kind === 'AEXPR_NOT_DISTINCT', location)
    }
    case 'AEXPR_NULLIF': {
      const left = resolve(required(node.lexpr, location), scope)
      const right = resolve(required(node.rexpr, location), scope)
      const bound = bindOperator('=', [left, right], location)
      const [a = left, b = right] = bound.args
      return { kind: 'nullif', type: a.type, collation: a.collation, left: a, right: b, run: bound.run }
    }
    case 'AEXPR_IN':
      return resolveIn(node, scope)
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return resolveBetween(node, scope)
    default:
      throw refuse(location, `${node.kind ?? 'the operator'} is not supported in this context`)
  }
}

const commonArgs = (
  nodes: readonly Node[] | undefined,
  what: string,
  location: Location,
  scope: Scope,
): readonly Expr[] => {
  const args = (nodes ?? []).map(arg => resolve(arg, scope))
  const common = commonType(args.map(arg => arg.type))
  if (common === undefined) throw refuse(location, `${what} types cannot be matched`)
  return args.map(arg => coerce(arg, common, 'implicit', location))
}

const typeOf = (args: readonly Expr[]): { readonly type: TypeName; readonly collation: Collation | undefined } => {
  const type = args[0]?.type ?? 'text'
  return { type, collation: isCollatable(type) ? mergeCollations(args) : undefined }
}

const resolveMinMax = (node: MinMaxExpr, scope: Scope): Expr => {
  const kind = node.op === 'IS_GREATEST' ? 'greatest' : 'least'
  const args = commonArgs(node.args, kind.toUpperCase(), node.location, scope)
  const { type, collation } = typeOf(args)
  if (isEnum(type) || categoryOf(type).category === 'A')
    throw refuse(node.location, `${kind} of ${typeLabel(type)} is not supported`)
  bindOperator('<', [args[0] ?? constant(type, null), args[0] ?? constant(type, null)], node.location)
  checkCollation(isCollatable(type) ? 'safe' : 'none', args, kind, node.location)
  return { kind, type, collation, args }
}

const resolveFunction = (node: FuncCall, scope: Scope): Expr => {
  const args = node.args ?? []
  const name = catalogName(node.funcname)
  const shown = name ?? nameParts(node.funcname).join('.')
  if (
    node.over !== undefined ||
    node.agg_distinct ||
    node.agg_star ||
    node.agg_order ||
    node.agg_filter ||
    node.agg_within_group
  ) {
    throw refuse(node.location, 'aggregation is not supported in this context')
  }
  if (node.func_variadic) throw refuse(node.location, 'explicit VARIADIC function calls are not currently supported')
  if (name === undefined) throw refuse(node.location, `unknown or unsupported function ${shown}/${args.length}`)
  return makeFunction(
    name,
    args.map(arg => resolve(arg, scope)),
    node.location,
  )
}

const resolveArray = (nodes: readonly Node[], location: Location, scope: Scope): Expr => {
  if (nodes.length === 0) throw refuse(location, 'cannot determine type of empty array')
  const elements = nodes.map(node => resolve(node, scope))
  const common = commonType(elements.map(element => element.type))
  if (common === undefined) {
    const [a = '', b = ''] = new Set(elements.map(element => typeLabel(element.type)))
    throw refuse(location, `ARRAY types ${a} and ${b} cannot be matched`)
  }
  if (elementOf(common) !== undefined) {
    return makeArray(
      common,
      elements.map(element => coerce(element, common, 'implicit', location)),
    )
  }
  return arrayOf(elements, common, location)
}

const resolveSubscript = (node: A_Indirection, scope: Scope): Expr => {
  const arg = resolve(required(node.arg, undefined), scope)
  const location = locationOf(node.arg)
  const element = elementOf(arg.type)
  if (element === undefined) throw refuse(location, `cannot subscript type ${typeLabel(arg.type)}`)
  const index = (at: Node | undefined): Expr | undefined =>
    at === undefined ? undefined : coerce(resolve(at, scope), 'int4', 'assignment', locationOf(at) ?? location)
  const indices = (node.indirection ?? []).map(step => {
    if (!('A_Indices' in step)) throw refuse(location, 'field selection is not supported')
    return {
      slice: step.A_Indices.is_slice === true,
      lower: index(step.A_Indices.lidx),
      upper: index(step.A_Indices.uidx),
    }
  })
  const slice = indices.some(step => step.slice)
  // In a slice, a plain subscript n means 1:n.
  const subscripts = indices.map(({ slice: own, lower, upper }) => ({
    lower: slice && !own ? constant('int4', 1) : lower,
    upper,
  }))
  return { kind: 'subscript', type: slice ? arg.type : element, collation: arg.collation, arg, slice, subscripts }
}

/** Where a node stands, if it says so. */
export const locationOf = (node: Node | undefined): Location => {
  if (node === undefined) return undefined
  const [body] = Object.values(node) as [{ location?: number; lexpr?: Node; arg?: Node }?]
  return body?.location ?? (body?.arg === undefined ? undefined : locationOf(body.arg))
}

/** The checked form of a node. Throws WhereError. */
export const resolve = (node: Node, scope: Scope): Expr => {
  if ('A_Const' in node) return resolveConst(node.A_Const)
  if ('ColumnRef' in node) return resolveColumn(node.ColumnRef, scope)
  if ('ParamRef' in node) return resolveParam(node.ParamRef.number ?? 0, node.ParamRef.location, scope)
  if ('A_Expr' in node) return resolveOperator(node.A_Expr, scope)
  if ('BoolExpr' in node) return resolveBool(node.BoolExpr, scope)
  if ('NullTest' in node) {
    const { arg, nulltesttype, location } = node.NullTest
    return nullTest(resolve(required(arg, location), scope), nulltesttype === 'IS_NOT_NULL')
  }
  if ('BooleanTest' in node) return resolveBooleanTest(node.BooleanTest, scope)
  if ('FuncCall' in node) return resolveFunction(node.FuncCall, scope)
  if ('CoalesceExpr' in node) {
    const args = commonArgs(node.CoalesceExpr.args, 'COALESCE', node.CoalesceExpr.location, scope)
    return { kind: 'coalesce', ...typeOf(args), args }
  }
  if ('MinMaxExpr' in node) return resolveMinMax(node.MinMaxExpr, scope)
  if ('TypeCast' in node) return makeCast(node.TypeCast, inner => resolve(inner, scope))
  if ('A_ArrayExpr' in node) return resolveArray(node.A_ArrayExpr.elements ?? [], node.A_ArrayExpr.location, scope)
  if ('A_Indirection' in node) return resolveSubscript(node.A_Indirection, scope)
  if ('CollateClause' in node)
    return resolveCollate(node.CollateClause.arg, node.CollateClause.collname, node.CollateClause.location, scope)
  if ('SubLink' in node) throw refuse(node.SubLink.location, 'Subqueries are not supported yet')
  const [kind] = Object.keys(node)
  throw refuse(locationOf(node), `${kind ?? 'expression'} is not supported in this context`)
}

const resolveCollate = (
  arg: Node | undefined,
  name: readonly Node[] | undefined,
  location: Location,
  scope: Scope,
): Expr => {
  const collation = catalogName(name)
  if (collation !== 'C' && collation !== 'POSIX' && collation !== 'ucs_basic') {
    throw refuse(location, 'only the collations "C", "POSIX" and ucs_basic are supported')
  }
  const value = coerceText(resolve(required(arg, location), scope), location)
  return {
    kind: 'call',
    form: 'collate',
    name: `pg_catalog."${collation}"`,
    type: value.type,
    collation: { safe: true, deterministic: true },
    args: [value],
    strict: true,
    run: a => a,
  }
}

const coerceText = (expr: Expr, location: Location): Expr => {
  const text = expr.type === 'unknown' ? coerce(expr, 'text', 'implicit', location) : expr
  if (!isCollatable(text.type)) throw refuse(location, `collations are not supported by type ${typeLabel(text.type)}`)
  return text
}

/** The condition of a shape: a node that must be boolean. */
export const resolveCondition = (node: Node, scope: Scope): Expr => {
  const expr = resolve(node, scope)
  if (expr.type !== 'bool' && expr.type !== 'unknown') throw new WhereError('WHERE clause must return a boolean')
  return coerceBool(expr, locationOf(node))
}
