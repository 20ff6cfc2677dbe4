// The checked tree → closures over rows. AND, OR, COALESCE and the like evaluate left to right and stop early, as
// PostgreSQL's executor does. Constant parts are computed once; no closure allocates for scalar comparisons.

import { arrayOf, elementAt, emptyArray, sliceOf } from './array.ts'
import { Unanswered } from './asked.ts'
import { EvaluationError } from './errors.ts'
import type { Expr, ExprOf } from './tree.ts'
import { elementOf, typeInfo } from './types.ts'
import type { ArrayValue, Evaluate, Row, Value } from './values.ts'

/** The position of a column in the rows. */
export type Positions = ReadonlyMap<string, number>

const column = (expr: ExprOf<'column'>, positions: Positions): Evaluate => {
  const at = positions.get(expr.name)
  const info = typeInfo(expr.type)
  if (at === undefined) throw new Error(`column ${expr.name} is not in the row`)
  if (info === undefined) return row => row[at] ?? null
  const { parse } = info
  return row => {
    const text = row[at]
    if (text === null || text === undefined) return null
    const value = parse(text)
    if (value === undefined) throw new EvaluationError(`invalid ${expr.type} in column ${expr.name}`)
    return value
  }
}

const call = (expr: ExprOf<'call'>, positions: Positions): Evaluate => {
  const { run, strict } = expr
  const args = expr.args.map(arg => build(arg, positions))
  const [first, second] = args
  if (args.length === 1 && first !== undefined && strict) {
    return row => {
      const a = first(row)
      return a === null ? null : run(a)
    }
  }
  if (args.length === 2 && first !== undefined && second !== undefined && strict) {
    return row => {
      // Both first: PostgreSQL computes all arguments, and an error in one of them is an error, NULL or not.
      const a = first(row)
      const b = second(row)
      return a === null || b === null ? null : run(a, b)
    }
  }
  return row => {
    const values: (Value | null)[] = []
    let missing = false
    for (const arg of args) {
      const value = arg(row)
      missing ||= value === null
      values.push(value)
    }
    return strict && missing ? null : run(...values)
  }
}

const junction =
  (args: readonly Evaluate[], decisive: boolean): Evaluate =>
  row => {
    let unknown = false
    for (const arg of args) {
      const value = arg(row)
      if (value === decisive) return decisive
      unknown ||= value === null
    }
    return unknown ? null : !decisive
  }

const anyAll = (expr: ExprOf<'any-all'>, positions: Positions): Evaluate => {
  const left = build(expr.left, positions)
  const right = build(expr.right, positions)
  const { run, all } = expr
  const test = (value: Value | null, array: ArrayValue): Value | null => {
    if (array.elements.length === 0) return all
    if (value === null) return null
    let unknown = false
    for (const element of array.elements) {
      const result = element === null ? null : run(value, element)
      if (result === !all) return !all
      unknown ||= result === null
    }
    return unknown ? null : all
  }
  if (expr.right.kind === 'const' && expr.right.value !== null && expr.name === '=' && !all) {
    const fast = hashed(expr, expr.right.value as ArrayValue)
    if (fast !== undefined) return row => fast(left(row))
  }
  return row => {
    const array = right(row)
    if (array === null) {
      left(row)
      return null
    }
    return test(left(row), array as ArrayValue)
  }
}

// Types whose equal values are the same JavaScript value.
const identical = new Set([
  'bool',
  'int2',
  'int4',
  'int8',
  'text',
  'varchar',
  'name',
  'uuid',
  'bytea',
  'date',
  'time',
  'timestamp',
  'timestamptz',
])

const hashed = (expr: ExprOf<'any-all'>, array: ArrayValue): ((value: Value | null) => Value | null) | undefined => {
  if (expr.left.type !== elementOf(expr.right.type) || !identical.has(expr.left.type)) return undefined
  const values = new Set(array.elements)
  const absent = values.has(null) ? null : false
  if (values.size === 0) return () => false
  return value => (value === null ? null : values.has(value) ? true : absent)
}

const extreme = (expr: ExprOf<'greatest' | 'least'>, positions: Positions): Evaluate => {
  const compare = typeInfo(expr.type)?.compare
  const args = expr.args.map(arg => build(arg, positions))
  const sign = expr.kind === 'greatest' ? 1 : -1
  return row => {
    let best: Value | null = null
    for (const arg of args) {
      const value = arg(row)
      if (value === null) continue
      if (best === null || (compare !== undefined && compare(value, best) * sign > 0)) best = value
    }
    return best
  }
}

const stacked = (rows: readonly (Value | null)[]): ArrayValue => {
  // Sub-arrays of equal dimensions become one array of one dimension more; NULL and empty ones must be all or none.
  const arrays = rows.map(row => (row === null ? emptyArray : (row as ArrayValue)))
  const [first = emptyArray] = arrays
  if (arrays.every(array => array.dims.length === 0)) return emptyArray
  if (arrays.some(array => array.dims.join() !== first.dims.join() || array.lowers.join() !== first.lowers.join())) {
    throw new EvaluationError('multidimensional arrays must have array expressions with matching dimensions')
  }
  return {
    dims: [arrays.length, ...first.dims],
    lowers: [1, ...first.lowers],
    elements: arrays.flatMap(array => array.elements),
  }
}

const array = (expr: ExprOf<'array'>, positions: Positions): Evaluate => {
  const elements = expr.elements.map(element => build(element, positions))
  const nested = expr.elements.some(element => elementOf(element.type) !== undefined)
  return row => {
    const values = elements.map(element => element(row))
    return nested ? stacked(values) : arrayOf(values)
  }
}

const subscript = (expr: ExprOf<'subscript'>, positions: Positions): Evaluate => {
  const arg = build(expr.arg, positions)
  const steps = expr.subscripts.map(({ lower, upper }) => ({
    lower: lower === undefined ? undefined : build(lower, positions),
    upper: upper === undefined ? undefined : build(upper, positions),
  }))
  return row => {
    const value = arg(row)
    if (value === null) return null
    let missing = false
    const bounds: { lower: number | undefined; upper: number | undefined }[] = []
    for (const step of steps) {
      const lower = step.lower?.(row)
      const upper = step.upper?.(row)
      missing ||= lower === null || upper === null
      bounds.push({ lower: lower as number | undefined, upper: upper as number | undefined })
    }
    if (missing) return null
    if (expr.slice) return sliceOf(value as ArrayValue, bounds)
    return elementAt(
      value as ArrayValue,
      bounds.map(bound => bound.upper ?? 0),
    )
  }
}

const boolTest = (expr: ExprOf<'bool-test'>, positions: Positions): Evaluate => {
  const arg = build(expr.arg, positions)
  const wanted = expr.test === 'UNKNOWN' ? null : expr.test === 'TRUE'
  const { negated } = expr
  return row => (arg(row) === wanted) !== negated
}

/** The closure of an expression. `positions` must have every column of it. */
export const build = (expr: Expr, positions: Positions): Evaluate => {
  switch (expr.kind) {
    case 'const': {
      const { value } = expr
      return () => value
    }
    case 'column':
      return column(expr, positions)
    case 'call':
      return call(expr, positions)
    case 'and':
    case 'or':
      return junction(
        expr.args.map(arg => build(arg, positions)),
        expr.kind === 'or',
      )
    case 'not': {
      const arg = build(expr.arg, positions)
      return row => {
        const value = arg(row)
        return value === null ? null : !value
      }
    }
    case 'null-test': {
      const arg = build(expr.arg, positions)
      const { negated } = expr
      return row => (arg(row) === null) !== negated
    }
    case 'bool-test':
      return boolTest(expr, positions)
    case 'distinct': {
      const left = build(expr.left, positions)
      const right = build(expr.right, positions)
      const { run, negated } = expr
      return row => {
        const a = left(row)
        const b = right(row)
        const differs = a === null || b === null ? a !== b : run(a, b) !== true
        return differs !== negated
      }
    }
    case 'any-all':
      return anyAll(expr, positions)
    case 'array':
      return array(expr, positions)
    case 'coalesce': {
      const args = expr.args.map(arg => build(arg, positions))
      return row => {
        for (const arg of args) {
          const value = arg(row)
          if (value !== null) return value
        }
        return null
      }
    }
    case 'greatest':
    case 'least':
      return extreme(expr, positions)
    case 'nullif': {
      const left = build(expr.left, positions)
      const right = build(expr.right, positions)
      return row => {
        const a = left(row)
        const b = right(row)
        return a !== null && b !== null && expr.run(a, b) === true ? null : a
      }
    }
    case 'subscript':
      return subscript(expr, positions)
    case 'member':
      throw new Error('a membership is not evaluated as an expression')
  }
}

/** Whether rows are in, by a condition: NULL and evaluation errors are not. Throws nothing but Unanswered. */
export const predicate = (expr: Expr, positions: Positions): ((row: Row) => boolean) => {
  const evaluate = build(expr, positions)
  return row => {
    try {
      return evaluate(row) === true
    } catch (error) {
      if (error instanceof Unanswered) throw error
      // EvaluationError: PostgreSQL would raise for this row. Anything else would be a defect, and a row too little is
      // better than an engine that stops.
      return false
    }
  }
}
