// PostgreSQL's operator, function and cast catalogs and its rules of choosing among them (parse_oper.c, parse_func.c,
// parse_coerce.c): exact match, then candidates that the arguments can be coerced to implicitly, then the tie breaks.
// The rows cover all types of the operators named in catalog.gen.ts, also those that we cannot evaluate: a choice must
// come out as in PostgreSQL before it may be refused.

import { castRows, functionRows, operatorRows, typeRows } from './catalog.gen.ts'
import { elementOf, isEnum, type TypeName } from './types.ts'

/** An operator (two arguments, or one for a prefix operator) or function. */
export interface Callable {
  readonly name: string
  readonly args: readonly TypeName[]
  readonly result: TypeName
  /** pg_proc.prosrc, the key of the implementation */
  readonly source: string
  readonly immutable: boolean
  readonly strict: boolean
  readonly variadic: boolean
}

/** How a value of one type becomes another. */
export type Pathway =
  | { readonly how: 'relabel' }
  | { readonly how: 'function'; readonly source: string; readonly immutable: boolean }
  | { readonly how: 'elements'; readonly element: Pathway }
  | { readonly how: 'text' }

/** Contexts of a cast, each includes those before it. */
export type CastContext = 'implicit' | 'assignment' | 'explicit'

const lines = (rows: string): string[][] =>
  rows
    .trim()
    .split('\n')
    .map(line => line.split(' '))

const types = new Map(
  lines(typeRows).map(([name = '', category = 'U', preferred]) => [name, { category, preferred: preferred === 'p' }]),
)

const group = (list: readonly Callable[]): Map<string, Callable[]> => {
  const map = new Map<string, Callable[]>()
  for (const item of list) map.set(item.name, [...(map.get(item.name) ?? []), item])
  return map
}

const operators = group(
  lines(operatorRows).map(([name = '', left = '', right = '', result = '', source = '', volatility]) => {
    const args = left === '-' ? [right] : [left, right]
    const key = source === 'sql' ? `${name}(${args.join(',')})` : source
    return { name, args, result, source: key, immutable: volatility === 'i', strict: true, variadic: false }
  }),
)

const functions = group(
  lines(functionRows).map(([name = '', argText = '', result = '', source = '', volatility, strict]) => {
    const variadic = argText.endsWith('…')
    const plainText = variadic ? argText.slice(0, -1) : argText
    const args = plainText === '-' ? [] : plainText.split(',')
    const key = source === 'sql' ? `${name}(${plainText})` : source
    return { name, args, result, source: key, immutable: volatility === 'i', strict: strict === 's', variadic }
  }),
)

const casts = new Map(
  lines(castRows).map(([source, target, context, fn = '', volatility]) => [
    `${source} ${target}`,
    { context, fn, immutable: volatility === 'i' },
  ]),
)

/** A type's category and whether it is the preferred one in it. */
export const categoryOf = (type: TypeName): { readonly category: string; readonly preferred: boolean } => {
  if (type === 'unknown') return { category: 'X', preferred: false }
  if (type.startsWith('_')) return { category: 'A', preferred: false }
  if (isEnum(type)) return { category: 'E', preferred: false }
  return types.get(type) ?? { category: 'U', preferred: false }
}

const polymorphic = new Set([
  'any',
  'anyelement',
  'anyarray',
  'anynonarray',
  'anyenum',
  'anyrange',
  'anymultirange',
  'anycompatible',
  'anycompatiblearray',
  'anycompatiblenonarray',
  'anycompatiblerange',
  'anycompatiblemultirange',
])

/** Whether a declared type stands for whatever is given. */
export const isPolymorphic = (type: TypeName): boolean => polymorphic.has(type)

const allowed = (context: string | undefined, wanted: CastContext): boolean =>
  context === 'i' || (context === 'a' && wanted !== 'implicit') || (context === 'e' && wanted === 'explicit')

/** find_coercion_pathway, for types that differ. */
export const pathway = (source: TypeName, target: TypeName, context: CastContext): Pathway | undefined => {
  if (source === target) return { how: 'relabel' }
  const cast = casts.get(`${source} ${target}`)
  if (cast !== undefined) {
    if (!allowed(cast.context, context)) return undefined
    if (cast.fn === '-') return { how: 'relabel' }
    if (cast.fn === 'inout') return { how: 'text' }
    return { how: 'function', source: cast.fn, immutable: cast.immutable }
  }
  const [from, to] = [elementOf(source), elementOf(target)]
  if (from !== undefined && to !== undefined) {
    const element = pathway(from, to, context)
    return element === undefined || element.how === 'text' ? element : { how: 'elements', element }
  }
  // By way of text: to a string type on assignment, from one only explicitly.
  if (context !== 'implicit' && categoryOf(target).category === 'S') return { how: 'text' }
  if (context === 'explicit' && categoryOf(source).category === 'S') return { how: 'text' }
  return undefined
}

const coercible = (given: TypeName, declared: TypeName): boolean =>
  given === declared ||
  given === 'unknown' ||
  isPolymorphic(declared) ||
  pathway(given, declared, 'implicit') !== undefined

/** select_common_type over types alone; undefined when there is none. All unknown gives text. */
export const commonType = (given: readonly TypeName[]): TypeName | undefined => {
  const [first = 'unknown', ...rest] = given
  if (first !== 'unknown' && rest.every(type => type === first)) return first
  let chosen = first
  for (const type of rest) {
    if (type === 'unknown' || type === chosen) continue
    if (chosen === 'unknown') {
      chosen = type
      continue
    }
    const { category, preferred } = categoryOf(chosen)
    if (categoryOf(type).category !== category) return undefined
    if (
      !preferred &&
      pathway(chosen, type, 'implicit') !== undefined &&
      pathway(type, chosen, 'implicit') === undefined
    ) {
      chosen = type
    }
  }
  if (chosen === 'unknown') return 'text'
  return given.every(type => coercible(type, chosen)) ? chosen : undefined
}

const isArray = (type: TypeName): boolean => type.startsWith('_')

/**
 * The concrete types for a declaration with polymorphic ones, or undefined when the arguments do not fit it
 * (check_generic_type_consistency and enforce_generic_type_consistency).
 */
export const resolvePolymorphic = (
  declared: readonly TypeName[],
  given: readonly TypeName[],
  result: TypeName,
): { readonly args: readonly TypeName[]; readonly result: TypeName } | undefined => {
  let exact: TypeName | undefined
  const compatible: TypeName[] = []
  let nonArray = false
  for (const [i, d] of declared.entries()) {
    const g = given[i] ?? 'unknown'
    if (d === 'anynonarray' || d === 'anycompatiblenonarray') nonArray = true
    if (g === 'unknown') continue
    if (d.endsWith('range')) return undefined
    if (d === 'anyelement' || d === 'anynonarray' || d === 'anyenum' || d === 'anyarray') {
      const element = d === 'anyarray' ? elementOf(g) : g
      if (element === undefined || (exact !== undefined && exact !== element)) return undefined
      if (d === 'anyenum' && !isEnum(g)) return undefined
      exact = element
    } else if (d === 'anycompatible' || d === 'anycompatiblenonarray') compatible.push(g)
    else if (d === 'anycompatiblearray') {
      const element = elementOf(g)
      if (element === undefined) return undefined
      compatible.push(element)
    }
  }
  const common = compatible.length > 0 ? commonType(compatible) : undefined
  if (compatible.length > 0 && common === undefined) return undefined
  if (nonArray && (isArray(exact ?? '') || isArray(common ?? ''))) return undefined
  const concrete = (d: TypeName, g: TypeName): TypeName | undefined => {
    switch (d) {
      case 'anyelement':
      case 'anynonarray':
      case 'anyenum':
        return exact ?? 'text'
      case 'anyarray':
        return exact === undefined || isArray(exact) ? undefined : `_${exact}`
      case 'anycompatible':
      case 'anycompatiblenonarray':
        return common ?? 'text'
      case 'anycompatiblearray':
        return isArray(common ?? '') ? undefined : `_${common ?? 'text'}`
      case 'any':
        return g === 'unknown' ? 'text' : g
      default:
        return d
    }
  }
  const args = declared.map((d, i) => concrete(d, given[i] ?? 'unknown'))
  const concreteResult = concrete(result, 'unknown')
  if (concreteResult === undefined || args.includes(undefined)) return undefined
  return { args: args.filter(a => a !== undefined), result: concreteResult }
}

const expand = (candidate: Callable, count: number): readonly TypeName[] | undefined => {
  if (candidate.args.length === count && !candidate.variadic) return candidate.args
  if (!candidate.variadic || count < candidate.args.length) return undefined
  const last = candidate.args.at(-1) ?? 'any'
  return [...candidate.args, ...Array.from({ length: count - candidate.args.length }, () => last)]
}

interface Candidate {
  readonly callable: Callable
  readonly args: readonly TypeName[]
}

const accepts = (candidate: Candidate, given: readonly TypeName[]): boolean =>
  candidate.args.every((d, i) => coercible(given[i] ?? 'unknown', d)) &&
  (!candidate.args.some(isPolymorphic) || fitsPolymorphic(candidate.args, given))

const fitsPolymorphic = (declared: readonly TypeName[], given: readonly TypeName[]): boolean => {
  // An array argument that is unknown is no obstacle while candidates are compared.
  const check = declared.map((d, i) => (given[i] === 'unknown' ? 'any' : d))
  return resolvePolymorphic(check, given, 'bool') !== undefined
}

const best = (candidates: readonly Candidate[], score: (c: Candidate) => number): readonly Candidate[] => {
  const scores = candidates.map(score)
  const top = Math.max(...scores)
  return candidates.filter((_, i) => scores[i] === top)
}

// func_select_candidate
const select = (given: readonly TypeName[], start: readonly Candidate[]): Candidate | undefined => {
  const known = (i: number): boolean => given[i] !== 'unknown'
  let candidates = best(start, c => c.args.filter((d, i) => known(i) && d === given[i]).length)
  if (candidates.length === 1) return candidates[0]
  const slots = given.map(type => categoryOf(type).category)
  const preferredIn = (category: string | undefined, type: TypeName): boolean => {
    const info = categoryOf(type)
    return info.preferred && info.category === category
  }
  candidates = best(
    candidates,
    c => c.args.filter((d, i) => known(i) && (d === given[i] || preferredIn(slots[i], d))).length,
  )
  if (candidates.length === 1) return candidates[0]
  if (given.every((_, i) => known(i))) return undefined
  candidates = byUnknownCategory(given, candidates)
  if (candidates.length === 1) return candidates[0]
  const kinds = new Set(given.filter(type => type !== 'unknown'))
  const [only] = kinds
  if (kinds.size !== 1 || only === undefined) return undefined
  const assumed = given.map(() => only)
  const fitting = candidates.filter(c => accepts(c, assumed))
  return fitting.length === 1 ? fitting[0] : undefined
}

const byUnknownCategory = (given: readonly TypeName[], candidates: readonly Candidate[]): readonly Candidate[] => {
  const wanted = new Map<number, { category: string; preferred: boolean }>()
  for (const [i, type] of given.entries()) {
    if (type !== 'unknown') continue
    const infos = candidates.map(c => categoryOf(c.args[i] ?? 'unknown'))
    const string = infos.some(info => info.category === 'S')
    const category = string ? 'S' : (infos[0]?.category ?? 'U')
    if (!string && infos.some(info => info.category !== category)) return candidates
    wanted.set(i, { category, preferred: infos.some(info => info.category === category && info.preferred) })
  }
  const kept = candidates.filter(c =>
    [...wanted].every(([i, { category, preferred }]) => {
      const info = categoryOf(c.args[i] ?? 'unknown')
      return info.category === category && (!preferred || info.preferred)
    }),
  )
  return kept.length > 0 ? kept : candidates
}

const choose = (list: readonly Callable[], given: readonly TypeName[]): Callable | undefined => {
  const candidates: Candidate[] = []
  for (const callable of list) {
    const args = expand(callable, given.length)
    if (args !== undefined && accepts({ callable, args }, given))
      candidates.push({ callable: { ...callable, args }, args })
  }
  if (candidates.length <= 1) return candidates[0]?.callable
  return select(given, candidates)?.callable
}

const exactly = (list: readonly Callable[], given: readonly TypeName[]): Callable | undefined =>
  list.find(c => c.args.length === given.length && !c.variadic && c.args.every((d, i) => d === given[i]))

/** Whether there is an operator of this name at all. */
export const isOperator = (name: string): boolean => operators.has(name)

/** oper() and left_oper(): the operator for these argument types, its args still as declared. */
export const findOperator = (name: string, given: readonly TypeName[]): Callable | undefined => {
  const list = (operators.get(name) ?? []).filter(o => o.args.length === given.length)
  const [left = 'unknown', right = 'unknown'] = given
  const assumed =
    given.length === 1 ? given : left === 'unknown' ? [right, right] : right === 'unknown' ? [left, left] : given
  return exactly(list, assumed) ?? choose(list, given)
}

/** func_get_detail: the function for these argument types. */
export const findFunction = (name: string, given: readonly TypeName[]): Callable | undefined => {
  const list = functions.get(name) ?? []
  return exactly(list, given) ?? choose(list, given)
}

/** Whether a function has exactly these argument types. */
export const hasFunction = (name: string, given: readonly TypeName[]): boolean =>
  exactly(functions.get(name) ?? [], given) !== undefined

/** Whether there is a function of this name that we know of. */
export const isFunction = (name: string): boolean => functions.has(name)

/** The function behind a type's length coercion, e.g. timestamp(3). */
export const hasLengthCast = (type: TypeName): boolean => casts.has(`${type} ${type}`)
