// Building calls: coercion to a wanted type, operators, functions and casts with their implementation, folding of what
// is constant, and the collation rules. Everything here either yields a tree that we evaluate as PostgreSQL does, or
// throws WhereError.

import { must } from '#server/kernel/must.ts'
import { arrayOf } from './array.ts'
import { askedCall, type CallForm, Unanswered } from './asked.ts'
import {
  findFunction,
  findOperator,
  hasFunction,
  isFunction,
  isOperator,
  pathway,
  resolvePolymorphic,
  type Callable,
  type CastContext,
  type Pathway,
} from './catalog.ts'
import { checkCase, checkCollation, mergeCollations, underC } from './collation.ts'
import { EvaluationError, refuse, type WhereError } from './errors.ts'
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
export const parseLiteral = (text: string, type: TypeName, location: Location, context?: CastContext): Value => {
  const info = typeInfo(type)
  if (info === undefined) throw refuse(location, `unsupported type ${typeLabel(type)}`)
  let value: Value | undefined
  try {
    value = info.parse(text)
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
  }
  if (value !== undefined) return value
  const label = typeLabel(type)
  if (context === 'explicit') throw refuse(location, `could not cast value "${text}" from text to ${label}`)
  throw refuse(location, `invalid syntax for type ${label}: ${text}`)
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
      if (error instanceof Unanswered) return { kind: 'call', collation, ...parts }
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
      expr.value === null
        ? null
        : parseLiteral(expr.value as string, target, expr.literal?.location ?? location, context)
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
  /** PostgreSQL computes it */
  readonly asks: boolean
}

// Operators of the language: what is missing is an overload, and not the operator.
const knownBinary = new Set('= <> < > <= >= + - * / % ^ & | # || ~~ ~~* !~~ !~~* @> <@ &&'.split(' '))
const knownUnary = new Set('+ - @ |/ ~'.split(' '))

const unsupported = ({ form, name }: CallForm, count: number, location: Location): WhereError => {
  if (form === 'function') return refuse(location, `unknown or unsupported function ${name}/${count}`)
  if ((count === 1 ? knownUnary : knownBinary).has(name))
    return refuse(location, 'Could not select an operator overload')
  return refuse(location, `unknown ${count === 1 ? 'unary' : 'binary'} operator "${name}"`)
}

const bind = (callable: Callable, args: readonly Expr[], call: CallForm, location: Location): Bound => {
  const what = `${call.form} ${call.name}`
  const concrete = resolvePolymorphic(
    callable.args,
    args.map(arg => arg.type),
    callable.result,
  )
  if (concrete === undefined) throw refuse(location, 'Could not select an operator overload')
  const coerced = args.map((arg, i) => coerce(arg, concrete.args[i] ?? arg.type, 'implicit', location))
  const asks = isAsked(callable.source, coerced)
  const own = asks ? undefined : implementationOf(callable.source, concrete.args)
  if (own === undefined && !asks) throw unsupported(call, args.length, location)
  const collation = checkCollation(collationNeed(callable.source, concrete.args), coerced, what, location)
  const remote = asks || collation !== undefined
  const implementation = remote ? askedCall(call, concrete.args, concrete.result, collation) : must(own)
  checkPattern(callable.source, coerced, location)
  const { folds } = checkCase(callable.source, coerced, what, location)
  return {
    source: callable.source,
    args: folds ? coerced.map(underC) : coerced,
    result: concrete.result,
    run: implementation,
    asks: remote,
  }
}

// Other zones depend on the time zone database, and only PostgreSQL's own counts.
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

const checkPattern = (source: string, args: readonly Expr[], location: Location): void => {
  if (likes.has(source) && /(?:^|[^\\])(?:\\\\)*\\$/.test(textOf(args[1])))
    throw refuse(location, 'LIKE pattern must not end with escape character')
}

// A whole number to a whole power is exact wherever it is computed; a square is a product (see makeOperator).
const isExactPower = (source: string, [base, exponent]: readonly Expr[]): boolean => {
  if (base === undefined || exponent === undefined || !isConst(exponent)) return false
  const power = typeInfo(exponent.type)?.format(exponent.value ?? 0) ?? ''
  if (power === '2') return source === 'numeric_power' || isConst(base) || isColumn(base)
  return source === 'dpow' && isConst(base) && Number.isInteger(base.value) && /^\d+$/.test(power)
}

const isColumn = (expr: Expr): boolean =>
  expr.kind === 'column' || (expr.kind === 'call' && expr.form === 'cast' && expr.args.every(isColumn))

/** What is left to PostgreSQL for these arguments: powers that are not rounded here as there, and time zones but UTC. */
const isAsked = (source: string, args: readonly Expr[]): boolean => {
  if (args.some(isNullConst)) return false
  if (source === 'timestamp_zone' || source === 'timestamptz_zone') return !utc.has(textOf(args[0]).toLowerCase())
  if (source === 'timestamp_izone' || source === 'timestamptz_izone') return true
  return (source === 'dpow' || source === 'numeric_power') && !isExactPower(source, args)
}

/** The operator that PostgreSQL would choose, ready to be evaluated over arguments coerced to it. */
export const bindOperator = (name: string, args: readonly Expr[], location: Location): Bound => {
  if (!isOperator(name)) throw unsupported({ form: 'operator', name }, args.length, location)
  const callable = findOperator(
    name,
    args.map(arg => arg.type),
  )
  if (callable === undefined) throw unsupported({ form: 'operator', name }, args.length, location)
  return bind(callable, args, { form: 'operator', name }, location)
}

const looseFunctions = new Set(['array_cat', 'array_append', 'array_prepend', 'text_concat', 'text_concat_ws'])

/** `a op b` or `op a`. */
export const makeOperator = (name: string, args: readonly Expr[], location: Location): Expr => {
  const bound = bindOperator(name, args, location)
  const [base] = bound.args
  // C's pow() is not rounded exactly, a product is: x ^ 2 is computed, here and there, as x * x.
  if (bound.source === 'dpow' && base !== undefined && !isConst(base) && !bound.asks)
    return makeOperator('*', [base, base], location)
  const strict = !(name === '||' && bound.args.some(arg => elementOf(arg.type) !== undefined))
  return makeCall({ form: 'operator', name, args: bound.args, type: bound.result, strict, run: bound.run }, location)
}

/** `name(args)`. A call of a type's name is a cast where PostgreSQL says so. */
export const makeFunction = (name: string, args: readonly Expr[], location: Location): Expr => {
  const given = args.map(arg => arg.type)
  const [only] = args
  if (args.length === 1 && only !== undefined && typeInfo(name) !== undefined && !hasFunction(name, given)) {
    const path = only.type === 'unknown' ? undefined : pathway(only.type, name, 'explicit')
    const isCast = only.type === 'unknown' || only.type === name || path?.how === 'relabel' || path?.how === 'text'
    if (isCast) return coerce(only, name, 'explicit', location)
  }
  const callable = isFunction(name) ? findFunction(name, given) : undefined
  if (callable === undefined) throw unsupported({ form: 'function', name }, args.length, location)
  const bound = bind(callable, args, { form: 'function', name }, location)
  const strict = !looseFunctions.has(callable.source)
  return makeCall({ form: 'function', name, args: bound.args, type: bound.result, strict, run: bound.run }, location)
}
