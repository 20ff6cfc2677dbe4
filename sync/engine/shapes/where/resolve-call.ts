// Building calls: coercion to a wanted type, operators, functions and casts with their implementation, folding of what
// is constant, and the collation rules. Everything here either yields a tree that we evaluate as PostgreSQL does, or
// throws WhereError.

import { arrayOf } from './array.ts'
import {
  findFunction,
  findOperator,
  isFunction,
  isOperator,
  pathway,
  resolvePolymorphic,
  type Callable,
  type CastContext,
  type Pathway,
} from './catalog.ts'
import { checkCase, checkCollation, mergeCollations, underC } from './collation.ts'
import { EvaluationError, refuse } from './errors.ts'
import { collationNeed, implementationOf } from './functions.ts'
import type { Location } from './nodes.ts'
import { sqlType } from './sql.ts'
import type { Collation, Expr, ExprOf, Implementation } from './tree.ts'
import { elementOf, isCollatable, typeInfo, typeLabel, type TypeName } from './types.ts'
import type { ArrayValue, Value } from './values.ts'

/** A constant. */
export const constant = (type: TypeName, value: Value | null, collation?: Collation): ExprOf<'const'> => ({
  kind: 'const',
  type,
  value,
  collation,
})

/** Reads a literal as a type. */
export const parseLiteral = (text: string, type: TypeName, location: Location): Value => {
  const info = typeInfo(type)
  if (info === undefined) throw refuse(location, `unsupported type ${typeLabel(type)}`)
  let value: Value | undefined
  try {
    value = info.parse(text)
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
  }
  if (value === undefined) throw refuse(location, `invalid syntax for type ${typeLabel(type)}: ${text}`)
  return value
}

const run = (implementation: Implementation, args: readonly ExprOf<'const'>[], strict: boolean): Value | null => {
  const values = args.map(arg => arg.value)
  return strict && values.includes(null) ? null : implementation(...values)
}

interface CallParts {
  readonly form: ExprOf<'call'>['form']
  readonly name: string
  readonly args: readonly Expr[]
  readonly type: TypeName
  readonly strict: boolean
  readonly run: Implementation
}

const isConst = (expr: Expr): expr is ExprOf<'const'> => expr.kind === 'const'

/** A call, or its result when every argument is constant. */
export const makeCall = (parts: CallParts, location: Location): Expr => {
  const collation = isCollatable(parts.type) ? mergeCollations(parts.args) : undefined
  if (parts.args.every(isConst)) {
    try {
      return constant(parts.type, run(parts.run, parts.args, parts.strict), collation)
    } catch (error) {
      if (error instanceof EvaluationError) throw refuse(location, error.message)
      throw error
    }
  }
  if (parts.strict && parts.args.some(arg => isConst(arg) && arg.value === null))
    return constant(parts.type, null, collation)
  return { kind: 'call', collation, ...parts }
}

/** `ARRAY[…]` of elements that have one type; a constant when they are. */
export const makeArray = (type: TypeName, elements: readonly Expr[]): Expr => {
  const flat = elements.every(element => elementOf(element.type) === undefined)
  if (flat && elements.every(isConst))
    return constant(type, arrayOf(elements.map(element => element.value)), mergeCollations(elements))
  return { kind: 'array', type, collation: isCollatable(type) ? mergeCollations(elements) : undefined, elements }
}

// Types whose input function we follow for every text that a row may hold, not only for literals.
const exactInput = new Set([
  'bool',
  'int2',
  'int4',
  'int8',
  'numeric',
  'float4',
  'float8',
  'uuid',
  'text',
  'varchar',
  'bpchar',
  'name',
])

const textConversion = (source: TypeName, target: TypeName): Implementation => {
  const from = typeInfo(source)
  const to = typeInfo(target)
  return a => {
    if (a === null || from === undefined || to === undefined) return null
    const value = to.parse(from.format(a))
    if (value === undefined) throw new EvaluationError(`invalid input syntax for type ${target}`)
    return value
  }
}

const pathImplementation = (path: Pathway, source: TypeName, target: TypeName): Implementation | undefined => {
  switch (path.how) {
    case 'relabel':
      return a => a
    case 'text':
      return textConversion(source, target)
    case 'function':
      return path.source === 'bpchar' || path.source === 'varchar' ? a => a : implementationOf(path.source, [source])
    case 'elements': {
      const [from, to] = [elementOf(source) ?? '', elementOf(target) ?? '']
      const each = pathImplementation(path.element, from, to)
      if (each === undefined) return undefined
      return a => {
        const array = a as ArrayValue
        return { ...array, elements: array.elements.map(e => (e === null ? null : each(e))) }
      }
    }
  }
}

const isText = (type: TypeName): boolean => ['text', 'varchar', 'bpchar', 'name'].includes(type)

const castCall = (expr: Expr, path: Pathway, target: TypeName, location: Location): Expr => {
  const known = typeInfo(expr.type) !== undefined && typeInfo(target) !== undefined
  const implementation = known ? pathImplementation(path, expr.type, target) : undefined
  if (implementation === undefined) {
    throw refuse(location, `unknown cast from type ${typeLabel(expr.type)} to type ${typeLabel(target)}`)
  }
  const read = elementOf(target) ?? target
  const reads = path.how === 'text' && isText(elementOf(expr.type) ?? expr.type) && !isText(read)
  const exact = exactInput.has(read) && (elementOf(target) === undefined || elementOf(expr.type) !== undefined)
  if (reads && !exact && !isConst(expr)) {
    throw refuse(location, `unknown cast from type ${typeLabel(expr.type)} to type ${typeLabel(target)}`)
  }
  return makeCall(
    { form: 'cast', name: sqlType(target), args: [expr], type: target, strict: true, run: implementation },
    location,
  )
}

/** An expression as another type, or undefined when there is no cast in this context. */
export const tryCoerce = (expr: Expr, target: TypeName, context: CastContext, location: Location): Expr | undefined => {
  if (expr.type === target) return expr
  if (expr.type === 'unknown' && isConst(expr)) {
    const collation = isCollatable(target) ? expr.collation : undefined
    expr.literal?.becomes?.(target)
    const value =
      expr.value === null ? null : parseLiteral(expr.value as string, target, expr.literal?.location ?? location)
    return constant(target, value, collation)
  }
  const path = pathway(expr.type, target, context)
  return path === undefined ? undefined : castCall(expr, path, target, location)
}

/** An expression as another type; refused when PostgreSQL has no such cast. */
export const coerce = (expr: Expr, target: TypeName, context: CastContext, location: Location): Expr => {
  const coerced = tryCoerce(expr, target, context, location)
  if (coerced !== undefined) return coerced
  throw refuse(location, `unknown cast from type ${typeLabel(expr.type)} to type ${typeLabel(target)}`)
}

/** A condition. `what` names it in the message. */
export const coerceBool = (expr: Expr, location: Location): Expr => {
  const coerced = tryCoerce(expr, 'bool', 'implicit', location)
  if (coerced !== undefined) return coerced
  const name =
    expr.kind === 'column'
      ? `reference ${expr.name} of type ${typeLabel(expr.type)}`
      : `expression of type ${typeLabel(expr.type)}`
  throw refuse(location, `${name} is not castable to bool`)
}

interface Bound {
  /** pg_proc.prosrc */
  readonly source: string
  readonly args: readonly Expr[]
  readonly result: TypeName
  readonly run: Implementation
}

const bind = (callable: Callable, args: readonly Expr[], what: string, location: Location): Bound => {
  const concrete = resolvePolymorphic(
    callable.args,
    args.map(arg => arg.type),
    callable.result,
  )
  if (concrete === undefined) throw refuse(location, 'Could not select an operator overload')
  const coerced = args.map((arg, i) => coerce(arg, concrete.args[i] ?? arg.type, 'implicit', location))
  const implementation = implementationOf(callable.source, concrete.args)
  if (implementation === undefined) throw refuse(location, `${what} is not supported`)
  checkCollation(collationNeed(callable.source, concrete.args), coerced, what, location)
  checkArguments(callable.source, coerced, location)
  const { folds } = checkCase(callable.source, coerced, what, location)
  return {
    source: callable.source,
    args: folds ? coerced.map(underC) : coerced,
    result: concrete.result,
    run: implementation,
  }
}

// Zones other than UTC depend on the time zone database of either side.
const utc = new Set(['utc', 'gmt', 'z', 'uct', 'zulu', 'etc/utc', 'etc/gmt'])

const isNullConst = (expr: Expr | undefined): boolean => expr?.kind === 'const' && expr.value === null

// A constant text; empty for anything else.
const textOf = (expr: Expr | undefined): string =>
  expr?.kind === 'const' && typeof expr.value === 'string' ? expr.value : ''

const likes = new Set([
  'textlike',
  'textnlike',
  'namelike',
  'namenlike',
  'texticlike',
  'texticnlike',
  'nameiclike',
  'nameicnlike',
])

// What can be followed only for some arguments, which have to be constant for that.
const checkArguments = (source: string, args: readonly Expr[], location: Location): void => {
  const [first, second] = args
  if (source === 'timestamp_zone' || source === 'timestamptz_zone') {
    if (!isNullConst(first) && !utc.has(textOf(first).toLowerCase()))
      throw refuse(location, 'only the time zone UTC is supported')
  }
  if (likes.has(source) && /(?:^|[^\\])(?:\\\\)*\\$/.test(textOf(second))) {
    throw refuse(location, 'LIKE pattern must not end with escape character')
  }
  const isPower = source === 'numeric_power' || source === 'dpow'
  if (isPower && args.every(arg => !isConst(arg) || arg.value !== null)) {
    const exponent =
      second !== undefined && isConst(second) ? typeInfo(second.type)?.format(second.value ?? 0) : undefined
    const whole = first !== undefined && isConst(first) && Number.isInteger(first.value)
    if (exponent !== '2' && !(source === 'dpow' && whole && /^\d+$/.test(exponent ?? ''))) {
      throw refuse(location, 'only the exponent 2 is supported')
    }
  }
}

/** The operator that PostgreSQL would choose, ready to be evaluated over arguments coerced to it. */
export const bindOperator = (name: string, args: readonly Expr[], location: Location): Bound => {
  if (!isOperator(name)) throw refuse(location, `unknown ${args.length === 1 ? 'unary' : 'binary'} operator "${name}"`)
  const callable = findOperator(
    name,
    args.map(arg => arg.type),
  )
  if (callable === undefined) throw refuse(location, 'Could not select an operator overload')
  return bind(callable, args, `operator ${name}`, location)
}

const looseFunctions = new Set(['array_cat', 'array_append', 'array_prepend', 'text_concat', 'text_concat_ws'])

// C's pow() is not rounded exactly, a product is: x ^ 2 is computed, here and there, as x * x.
const floatSquare = (base: Expr, location: Location): Expr => {
  let inner = base
  while (inner.kind === 'call' && inner.form === 'cast' && inner.args[0] !== undefined) inner = inner.args[0]
  if (inner.kind !== 'column') throw refuse(location, 'operator ^ is supported for columns only')
  return makeOperator('*', [base, base], location)
}

/** `a op b` or `op a`. */
export const makeOperator = (name: string, args: readonly Expr[], location: Location): Expr => {
  const bound = bindOperator(name, args, location)
  const [base] = bound.args
  if (bound.source === 'dpow' && base !== undefined && !isConst(base)) return floatSquare(base, location)
  const strict = !(name === '||' && bound.args.some(arg => elementOf(arg.type) !== undefined))
  return makeCall({ form: 'operator', name, args: bound.args, type: bound.result, strict, run: bound.run }, location)
}

/** `name(args)`. A call of a type's name is a cast where PostgreSQL says so. */
export const makeFunction = (name: string, args: readonly Expr[], location: Location): Expr => {
  const given = args.map(arg => arg.type)
  const [only] = args
  const asType = args.length === 1 && only !== undefined && typeInfo(name) !== undefined ? only : undefined
  if (asType !== undefined && findFunction(name, given) === undefined) {
    const path = asType.type === 'unknown' ? undefined : pathway(asType.type, name, 'explicit')
    const isCast = asType.type === 'unknown' || path?.how === 'relabel' || path?.how === 'text'
    if (isCast) return coerce(asType, name, 'explicit', location)
  }
  if (asType?.type === 'unknown') return coerce(asType, name, 'explicit', location)
  const callable = isFunction(name) ? findFunction(name, given) : undefined
  if (callable === undefined) throw refuse(location, `unknown or unsupported function ${name}/${args.length}`)
  const bound = bind(callable, args, `function ${name}`, location)
  const strict = !looseFunctions.has(callable.source)
  return makeCall({ form: 'function', name, args: bound.args, type: bound.result, strict, run: bound.run }, location)
}
