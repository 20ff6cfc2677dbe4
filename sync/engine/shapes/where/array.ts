// Arrays: PostgreSQL's literal text in and out, and the operations on whole arrays. Element meaning comes in as
// functions, so this file knows no types. Lower bounds are kept: array_out prints them, comparison looks at them last.

import { EvaluationError } from './errors.ts'
import type { ArrayValue, Value } from './values.ts'

const maxDimensions = 6

/** The array without elements. */
export const emptyArray: ArrayValue = { dims: [], lowers: [], elements: [] }

/** A one-dimensional array that starts at 1. */
export const arrayOf = (elements: readonly (Value | null)[]): ArrayValue =>
  elements.length === 0 ? emptyArray : { dims: [elements.length], lowers: [1], elements }

const isSpace = (c: string): boolean => c === ' ' || (c >= '\t' && c <= '\r')

interface Cursor {
  readonly text: string
  at: number
}

const skipSpace = (c: Cursor): void => {
  while (c.at < c.text.length && isSpace(c.text.charAt(c.at))) c.at++
}

const bounds = (c: Cursor): { lowers: number[]; dims: number[] } | undefined => {
  const lowers: number[] = []
  const dims: number[] = []
  const pattern = /\[(?:([+-]?\d+):)?([+-]?\d+)\]\s*/y
  skipSpace(c)
  for (;;) {
    pattern.lastIndex = c.at
    const match = pattern.exec(c.text)
    if (match === null) break
    const lower = match[1] === undefined ? 1 : Number(match[1])
    lowers.push(lower)
    dims.push(Number(match[2]) - lower + 1)
    c.at = pattern.lastIndex
  }
  if (dims.length === 0) return { lowers, dims }
  if (c.text.charAt(c.at) !== '=' || dims.some(d => d <= 0)) return undefined
  c.at++
  return { lowers, dims }
}

// One element's text; null is the unquoted word NULL, undefined malformed text.
const element = (c: Cursor): string | null | undefined => {
  if (c.text.charAt(c.at) === '"') {
    let value = ''
    for (c.at++; c.at < c.text.length; c.at++) {
      const ch = c.text.charAt(c.at)
      if (ch === '"') {
        c.at++
        return value
      }
      if (ch === '\\') c.at++
      if (c.at >= c.text.length) return undefined
      value += c.text.charAt(c.at)
    }
    return undefined
  }
  let value = ''
  let kept = 0
  let escaped = false
  for (; c.at < c.text.length; c.at++) {
    const ch = c.text.charAt(c.at)
    if (ch === ',' || ch === '}') break
    if (ch === '{' || ch === '"') return undefined
    if (ch === '\\') {
      escaped = true
      c.at++
      if (c.at >= c.text.length) return undefined
      value += c.text.charAt(c.at)
      kept = value.length
    } else {
      value += ch
      if (!isSpace(ch)) kept = value.length
    }
  }
  value = value.slice(0, kept)
  if (value === '') return undefined
  return !escaped && value.toLowerCase() === 'null' ? null : value
}

const nested = (c: Cursor, depth: number, dims: (number | undefined)[], out: (string | null)[]): boolean => {
  if (depth > maxDimensions) return false
  c.at++ // the opening brace
  let count = 0
  let kind: 'array' | 'element' | undefined
  skipSpace(c)
  if (c.text.charAt(c.at) === '}') {
    c.at++
    return depth === 1 ? dims.length === 0 : false
  }
  for (;;) {
    skipSpace(c)
    if (c.text.charAt(c.at) === '{') {
      if (kind === 'element' || !nested(c, depth + 1, dims, out)) return false
      kind = 'array'
    } else {
      if (kind === 'array' || dims.length > depth) return false
      kind = 'element'
      const value = element(c)
      if (value === undefined) return false
      out.push(value)
    }
    count++
    skipSpace(c)
    const ch = c.text.charAt(c.at++)
    if (ch === '}') break
    if (ch !== ',') return false
  }
  const known = dims[depth - 1]
  if (known !== undefined && known !== count) return false
  dims[depth - 1] = count
  return true
}

/** array_in. `parse` reads one element and gives undefined for invalid text, as does this. */
export const parseArray = (text: string, parse: (element: string) => Value | undefined): ArrayValue | undefined => {
  const c: Cursor = { text, at: 0 }
  const declared = bounds(c)
  if (declared === undefined) return undefined
  skipSpace(c)
  if (text.charAt(c.at) !== '{') return undefined
  const dims: (number | undefined)[] = []
  const texts: (string | null)[] = []
  if (!nested(c, 1, dims, texts)) return undefined
  skipSpace(c)
  if (c.at !== text.length) return undefined
  const elements: (Value | null)[] = []
  for (const t of texts) {
    const value = t === null ? null : parse(t)
    if (value === undefined) return undefined
    elements.push(value)
  }
  if (elements.length === 0) return declared.dims.length === 0 ? emptyArray : undefined
  const actual = dims.map(d => d ?? 0)
  if (declared.dims.length > 0 && declared.dims.join() !== actual.join()) return undefined
  return { dims: actual, lowers: declared.dims.length > 0 ? declared.lowers : actual.map(() => 1), elements }
}

const quoted = (text: string): string => {
  const plain = text !== '' && !/["\\{}, \t\n\v\f\r]/.test(text) && text.toLowerCase() !== 'null'
  return plain ? text : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`
}

/** array_out. */
export const formatArray = (array: ArrayValue, format: (element: Value) => string): string => {
  if (array.dims.length === 0) return '{}'
  const header = array.lowers.some(l => l !== 1)
    ? `${array.dims.map((d, i) => `[${array.lowers[i] ?? 1}:${(array.lowers[i] ?? 1) + d - 1}]`).join('')}=`
    : ''
  let at = 0
  const level = (depth: number): string => {
    const parts: string[] = []
    for (let i = 0; i < (array.dims[depth] ?? 0); i++) {
      if (depth < array.dims.length - 1) parts.push(level(depth + 1))
      else {
        const value = array.elements[at++] ?? null
        parts.push(value === null ? 'NULL' : quoted(format(value)))
      }
    }
    return `{${parts.join(',')}}`
  }
  return header + level(0)
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

/** array_eq: NULL elements equal each other here. */
export const arrayEquals = (a: ArrayValue, b: ArrayValue, equal: (x: Value, y: Value) => boolean): boolean => {
  if (!sameShape(a.dims, b.dims) || !sameShape(a.lowers, b.lowers)) return false
  return a.elements.every((x, i) => {
    const y = b.elements[i] ?? null
    return x === null || y === null ? x === y : equal(x, y)
  })
}

/** array_cmp: elements, then their number, then dimensions and bounds; a NULL element is above all others. */
export const compareArrays = (a: ArrayValue, b: ArrayValue, compare: (x: Value, y: Value) => number): number => {
  const shared = Math.min(a.elements.length, b.elements.length)
  for (let i = 0; i < shared; i++) {
    const x = a.elements[i] ?? null
    const y = b.elements[i] ?? null
    const order = x === null || y === null ? Number(x === null) - Number(y === null) : compare(x, y)
    if (order !== 0) return order
  }
  if (a.elements.length !== b.elements.length) return a.elements.length - b.elements.length
  if (a.dims.length !== b.dims.length) return a.dims.length - b.dims.length
  for (const [i, d] of a.dims.entries()) {
    const order = d - (b.dims[i] ?? 0) || (a.lowers[i] ?? 1) - (b.lowers[i] ?? 1)
    if (order !== 0) return order
  }
  return 0
}

/** `a @> b`: a NULL in b is in nothing. */
export const arrayContains = (a: ArrayValue, b: ArrayValue, equal: (x: Value, y: Value) => boolean): boolean =>
  b.elements.every(y => y !== null && a.elements.some(x => x !== null && equal(x, y)))

/** `a && b`. */
export const arrayOverlaps = (a: ArrayValue, b: ArrayValue, equal: (x: Value, y: Value) => boolean): boolean =>
  b.elements.some(y => y !== null && a.elements.some(x => x !== null && equal(x, y)))

/** array_cat. */
export const concatArrays = (a: ArrayValue, b: ArrayValue): ArrayValue => {
  if (a.dims.length === 0) return b
  if (b.dims.length === 0) return a
  const elements = [...a.elements, ...b.elements]
  if (a.dims.length === b.dims.length && sameShape(a.dims.slice(1), b.dims.slice(1))) {
    return { dims: [(a.dims[0] ?? 0) + (b.dims[0] ?? 0), ...a.dims.slice(1)], lowers: a.lowers, elements }
  }
  if (a.dims.length === b.dims.length + 1 && sameShape(a.dims.slice(1), b.dims)) {
    return { dims: [(a.dims[0] ?? 0) + 1, ...b.dims], lowers: a.lowers, elements }
  }
  if (b.dims.length === a.dims.length + 1 && sameShape(b.dims.slice(1), a.dims)) {
    return { dims: [(b.dims[0] ?? 0) + 1, ...a.dims], lowers: b.lowers, elements }
  }
  throw new EvaluationError('cannot concatenate incompatible arrays')
}

/** array_append and array_prepend. */
export const addElement = (array: ArrayValue, value: Value | null, front: boolean): ArrayValue => {
  if (array.dims.length === 0) return { dims: [1], lowers: [1], elements: [value] }
  if (array.dims.length > 1) throw new EvaluationError('argument must be empty or one-dimensional array')
  const elements = front ? [value, ...array.elements] : [...array.elements, value]
  return { dims: [elements.length], lowers: array.lowers, elements }
}

/** `a[i]…`: NULL outside of the array or with another number of subscripts. */
export const elementAt = (array: ArrayValue, subscripts: readonly number[]): Value | null => {
  if (array.dims.length !== subscripts.length) return null
  let at = 0
  for (const [i, subscript] of subscripts.entries()) {
    const offset = subscript - (array.lowers[i] ?? 1)
    const size = array.dims[i] ?? 0
    if (offset < 0 || offset >= size) return null
    at = at * size + offset
  }
  return array.elements[at] ?? null
}

/** `a[l:u]…`: cut to the array; empty when outside or with too many subscripts; bounds start at 1 again. */
export const sliceOf = (
  array: ArrayValue,
  slices: readonly { readonly lower: number | undefined; readonly upper: number | undefined }[],
): ArrayValue => {
  if (array.dims.length < slices.length || array.dims.length === 0) return emptyArray
  const from: number[] = []
  const sizes: number[] = []
  for (const [i, size] of array.dims.entries()) {
    const lower = array.lowers[i] ?? 1
    const start = Math.max(slices[i]?.lower ?? lower, lower)
    const end = Math.min(slices[i]?.upper ?? lower + size - 1, lower + size - 1)
    if (start > end) return emptyArray
    from.push(start - lower)
    sizes.push(end - start + 1)
  }
  const elements: (Value | null)[] = []
  const walk = (depth: number, base: number): void => {
    for (let i = 0; i < (sizes[depth] ?? 0); i++) {
      const at = base * (array.dims[depth] ?? 0) + (from[depth] ?? 0) + i
      if (depth === sizes.length - 1) elements.push(array.elements[at] ?? null)
      else walk(depth + 1, at)
    }
  }
  walk(0, 0)
  return { dims: sizes, lowers: sizes.map(() => 1), elements }
}
