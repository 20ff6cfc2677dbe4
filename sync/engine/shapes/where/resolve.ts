// Parse tree → checked tree: names, literals, parameters and each kind of expression, following parse_expr.c. Kinds that
// are not listed here are refused by name.

import type {
  A_Const,
  A_Indirection,
  BoolExpr,
  BooleanTest,
  ColumnRef,
  FuncCall,
  MinMaxExpr,
  Node,
  SubLink,
} from 'libpg-query'
import { categoryOf, commonType } from './catalog.ts'
import { bytewise, checkCollation, dependsOnCollation, mergeCollations } from './collation.ts'
import { refuse, WhereError } from './errors.ts'
import { fold } from './fold.ts'
import { catalogName, locationOf, nameParts, required, type Location } from './nodes.ts'
import { arrayOf, nullTestOf, resolveOperator } from './resolve-operator.ts'
import { boolLike, not, simplifyCondition } from './simplify.ts'
import { numericOfInteger, parseNumeric } from './numeric.ts'
import { makeCast } from './resolve-cast.ts'
import { bindOperator, coerce, coerceBool, constant, makeArray, makeFunction } from './resolve-call.ts'
import type { Collation, Expr, Literal } from './tree.ts'
import { columnType, elementOf, isCollatable, isEnum, parseBigint, typeLabel, type TypeName } from './types.ts'
import type { WhereColumn } from './where.ts'

/** What names and parameters stand for, and what was found out on the way. */
export interface Scope {
  readonly columns: ReadonlyMap<string, WhereColumn>
  readonly params: Readonly<Record<string, string>>
  /** the enums of the columns by name; a name that stands for two is left out */
  readonly enums: ReadonlyMap<string, TypeName>
  /** what each parameter was first used as */
  readonly paramTypes: Map<number, TypeName>
  /** the database's default collation, when it is known to be bytewise: that of constants */
  readonly defaultCollation: Collation | undefined
  /** nothing will be evaluated here: collations are PostgreSQL's alone */
  readonly sqlOnly: boolean
  /** resolves IN (SELECT …); undefined where subqueries have no place */
  readonly member?: (node: SubLink) => Expr
}

/** A scope over a table's columns. */
export const scopeOf = (
  columns: readonly WhereColumn[],
  params: Readonly<Record<string, string>>,
  options: { readonly defaultCollation: Collation | undefined; readonly sqlOnly: boolean },
): Scope => {
  const enums = new Map<string, TypeName>()
  const twice = new Set<string>()
  for (const column of columns) {
    const type = columnType(column)
    const base = elementOf(type) ?? type
    const name = typeLabel(base)
    if (!isEnum(base)) continue
    if (enums.has(name) && enums.get(name) !== base) twice.add(name)
    enums.set(name, base)
  }
  for (const name of twice) enums.delete(name)
  return { columns: new Map(columns.map(c => [c.name, c])), params, enums, paramTypes: new Map(), ...options }
}

const unknown = (value: string, scope: Scope, literal: Literal): Expr => ({
  kind: 'const',
  type: 'unknown',
  collation: scope.defaultCollation,
  value,
  literal,
})

// A parameter has one type; which of several numbers or texts it is makes no difference to its value.
const noteParameter = (number: number, type: TypeName, location: Location, scope: Scope): void => {
  const before = scope.paramTypes.get(number)
  if (before === undefined) scope.paramTypes.set(number, type)
  else if (categoryOf(before).category !== categoryOf(type).category) {
    throw refuse(location, `type conflict for $${number}: ${typeLabel(before)} and ${typeLabel(type)}`)
  }
}

const resolveConst = (node: A_Const, scope: Scope): Expr => {
  if (node.isnull === true) return constant('unknown', null)
  if (node.ival !== undefined) return constant('int4', node.ival.ival ?? 0)
  if (node.boolval !== undefined) return constant('bool', node.boolval.boolval ?? false)
  if (node.sval !== undefined) return unknown(node.sval.sval ?? '', scope, { location: node.location })
  if (node.fval === undefined) throw refuse(node.location, 'BitString values are not supported')
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

const shownName = (name: string): string =>
  /^(?:[\p{Ll}\p{Lo}_][\p{Ll}\p{Lo}0-9_$]*|\*)$/u.test(name) ? name : `"${name}"`

const collationOf = (column: WhereColumn, scope: Scope): Collation => {
  if (scope.sqlOnly) return bytewise
  return {
    order: column.collationSafe,
    ascii: column.collationAscii === true,
    deterministic: column.collationDeterministic,
    folded: false,
    ...(column.collation === undefined ? {} : { name: column.collation }),
  }
}

const resolveColumn = (node: ColumnRef, scope: Scope): Expr => {
  const parts = nameParts(node.fields)
  const column = parts.length === 1 ? scope.columns.get(parts[0] ?? '') : undefined
  if (column === undefined) throw refuse(node.location, `unknown reference ${parts.map(shownName).join('.')}`)
  const type = columnType(column)
  const collation: Collation | undefined = isCollatable(type) ? collationOf(column, scope) : undefined
  return { kind: 'column', type, collation, name: column.name }
}

const resolveParam = (number: number, location: Location, scope: Scope): Expr => {
  const value = Object.hasOwn(scope.params, String(number)) ? scope.params[String(number)] : undefined
  if (value === undefined) throw refuse(location, `parameter $${number} was not provided`)
  if (value.includes('\0')) throw refuse(location, `parameter $${number} contains a NUL character`)
  const becomes = (type: TypeName): void => noteParameter(number, type, location, scope)
  return unknown(value, scope, { location, becomes })
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
  return fold(
    {
      kind: 'bool-test',
      type: 'bool',
      collation: undefined,
      arg: condition,
      test,
      negated: negation !== undefined,
    },
    node.location,
  )
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
  if (checkCollation(isCollatable(type) ? 'order' : 'none', args, kind, node.location) !== undefined)
    throw dependsOnCollation(kind, node.location)
  return fold({ kind, type, collation, args }, node.location)
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
    throw refuse(location, `ARRAY types ${b} and ${a} cannot be matched`)
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
  return fold(
    { kind: 'subscript', type: slice ? arg.type : element, collation: arg.collation, arg, slice, subscripts },
    location,
  )
}

/** The checked form of a node. Throws WhereError. */
export const resolve = (node: Node, scope: Scope): Expr => {
  if ('A_Const' in node) return resolveConst(node.A_Const, scope)
  if ('ColumnRef' in node) return resolveColumn(node.ColumnRef, scope)
  if ('ParamRef' in node) return resolveParam(node.ParamRef.number ?? 0, node.ParamRef.location, scope)
  if ('A_Expr' in node) return resolveOperator(node.A_Expr, inner => resolve(inner, scope))
  if ('BoolExpr' in node) return resolveBool(node.BoolExpr, scope)
  if ('NullTest' in node) {
    const { arg, nulltesttype, location } = node.NullTest
    return nullTestOf(required(arg, location), nulltesttype === 'IS_NOT_NULL', inner => resolve(inner, scope))
  }
  if ('BooleanTest' in node) return resolveBooleanTest(node.BooleanTest, scope)
  if ('FuncCall' in node) return resolveFunction(node.FuncCall, scope)
  if ('CoalesceExpr' in node) {
    const args = commonArgs(node.CoalesceExpr.args, 'COALESCE', node.CoalesceExpr.location, scope)
    return fold({ kind: 'coalesce', ...typeOf(args), args }, node.CoalesceExpr.location)
  }
  if ('MinMaxExpr' in node) return resolveMinMax(node.MinMaxExpr, scope)
  if ('TypeCast' in node) return makeCast(node.TypeCast, scope.enums, inner => resolve(inner, scope))
  if ('A_ArrayExpr' in node) return resolveArray(node.A_ArrayExpr.elements ?? [], node.A_ArrayExpr.location, scope)
  if ('A_Indirection' in node) return resolveSubscript(node.A_Indirection, scope)
  if ('CollateClause' in node)
    return resolveCollate(node.CollateClause.arg, node.CollateClause.collname, node.CollateClause.location, scope)
  if ('SubLink' in node) {
    if (scope.member !== undefined) return scope.member(node.SubLink)
    throw refuse(node.SubLink.location, 'subqueries are not supported in this context')
  }
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
    collation: bytewise,
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
  return simplifyCondition(coerceBool(expr, locationOf(node)))
}
