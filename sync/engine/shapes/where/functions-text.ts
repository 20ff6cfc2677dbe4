// Text functions by pg_proc.prosrc, as they work under a bytewise collation. resolve-call.ts lets a function that
// depends on the collation through only where the collation is known to be such.

import { EvaluationError } from './errors.ts'
import { asciiLower, asciiUpper, characters, like, likeEscape, trimBlanks } from './text.ts'
import type { Implementation } from './tree.ts'
import type { Value } from './values.ts'

type Arg = Value | null
const str = (v: Arg): string => v as string
const num = (v: Arg): number => v as number

const bytes = new TextEncoder()

const trim = (text: string, set: string, left: boolean, right: boolean): string => {
  const all = Array.from(text)
  const drop = new Set(Array.from(set))
  let from = 0
  let to = all.length
  if (left) while (from < to && drop.has(all[from] ?? '')) from++
  if (right) while (to > from && drop.has(all[to - 1] ?? '')) to--
  return all.slice(from, to).join('')
}

const trims = (name: string, left: boolean, right: boolean): [string, Implementation][] => [
  [name, (a, b) => trim(str(a), str(b), left, right)],
  [`${name}1`, a => trim(str(a), ' ', left, right)],
]

// A position is 1-based and may lie outside of the text, as in SQL's SUBSTRING.
const substring = (text: string, start: number, length: number | undefined): string => {
  if (length !== undefined && length < 0) throw new EvaluationError('negative substring length not allowed')
  const end = length === undefined ? Number.POSITIVE_INFINITY : start + length
  return Array.from(text)
    .slice(Math.max(start, 1) - 1, Math.max(end - 1, 0))
    .join('')
}

const side = (text: string, count: number, left: boolean): string => {
  const all = Array.from(text)
  // The smallest int4 has no opposite: PostgreSQL then drops nothing.
  if (!left && count === -2_147_483_648) return text
  const keep = count >= 0 ? count : Math.max(all.length + count, 0)
  if (left) return all.slice(0, keep).join('')
  return keep === 0 ? '' : all.slice(-keep).join('')
}

const position = (text: string, part: string): number => {
  const at = text.indexOf(part)
  return at < 0 ? 0 : characters(text.slice(0, at)) + 1
}

const splitPart = (text: string, by: string, field: number): string => {
  if (field === 0) throw new EvaluationError('field position must not be zero')
  const parts = by === '' ? [text] : text.split(by)
  return (field > 0 ? parts[field - 1] : parts.at(field)) ?? ''
}

const table: [string, Implementation][] = [
  ['lower', a => asciiLower(str(a))],
  ['upper', a => asciiUpper(str(a))],
  ['textcat', (a, b) => str(a) + str(b)],
  ['textlen', a => characters(str(a))],
  ['bpcharlen', a => characters(trimBlanks(str(a)))],
  ['textoctetlen', a => bytes.encode(str(a)).length],
  ['bpcharoctetlen', a => bytes.encode(str(a)).length],
  ...['textlike', 'namelike'].map((n): [string, Implementation] => [n, (a, b) => like(str(a), str(b))]),
  ...['textnlike', 'namenlike'].map((n): [string, Implementation] => [n, (a, b) => !like(str(a), str(b))]),
  ...['texticlike', 'nameiclike'].map((n): [string, Implementation] => [
    n,
    (a, b) => like(asciiLower(str(a)), asciiLower(str(b))),
  ]),
  ...['texticnlike', 'nameicnlike'].map((n): [string, Implementation] => [
    n,
    (a, b) => !like(asciiLower(str(a)), asciiLower(str(b))),
  ]),
  ['like_escape', (a, b) => likeEscape(str(a), str(b))],
  ...trims('btrim', true, true),
  ...trims('ltrim', true, false),
  ...trims('rtrim', false, true),
  ['text_substr', (a, b, c) => substring(str(a), num(b), num(c))],
  ['text_substr_no_len', (a, b) => substring(str(a), num(b), undefined)],
  ['text_left', (a, b) => side(str(a), num(b), true)],
  ['text_right', (a, b) => side(str(a), num(b), false)],
  ['replace_text', (a, b, c) => (str(b) === '' ? str(a) : str(a).split(str(b)).join(str(c)))],
  ['textpos', (a, b) => position(str(a), str(b))],
  ['text_starts_with', (a, b) => str(a).startsWith(str(b))],
  ['text_reverse', a => Array.from(str(a)).reverse().join('')],
  ['split_part', (a, b, c) => splitPart(str(a), str(b), num(c))],
  // Casts among the text types.
  ['text_name', a => a],
  ['bpchar_name', a => trimBlanks(str(a))],
  ['name_text', a => a],
  ['name_bpchar', a => a],
  ['booltext', a => (a === true ? 'true' : 'false')],
]

/** Text functions by pg_proc.prosrc; all strict. */
export const textFunctions: ReadonlyMap<string, Implementation> = new Map(table)

/** Of those, the ones whose result depends on what the collation says about case. */
export const caseFunctions: ReadonlySet<string> = new Set([
  'lower',
  'upper',
  'texticlike',
  'nameiclike',
  'texticnlike',
  'nameicnlike',
])
