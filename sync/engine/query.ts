// Query parameters as Electric's parser understands them: `a[b]=c` makes a map and `a[]=b` a list, the last of several
// counts, and a text of nothing but blanks is no text.

/** Names and values in their order; `[...query]` of a URLSearchParams, which is slow to walk through many times. */
export type Query = Iterable<readonly [string, string]>

/** What a name stands for in a query. */
export type QueryValue =
  | { readonly kind: 'absent' }
  | { readonly kind: 'text'; readonly text: string }
  /** `name[key]=text`; `nested` when there are more brackets. */
  | { readonly kind: 'map'; readonly entries: Readonly<Record<string, string>>; readonly nested: boolean }
  | { readonly kind: 'list' }

const absent = { kind: 'absent' } as const

/** The value of `name`. */
export const readQuery = (query: Query, name: string): QueryValue => {
  let value: QueryValue = absent
  for (const [key, text] of query) {
    if (key === name) value = { kind: 'text', text }
    else if (key === `${name}[]`) value = { kind: 'list' }
    else if (key.startsWith(`${name}[`) && key.endsWith(']')) {
      const inner = key.slice(name.length + 1, -1)
      const before: { entries: Readonly<Record<string, string>>; nested: boolean } =
        value.kind === 'map' ? value : { entries: {}, nested: false }
      const entries = { ...before.entries, [inner]: text }
      value = { kind: 'map', entries, nested: before.nested || /[[\]]/.test(inner) }
    }
  }
  return value
}

/** A text, null when there is none, undefined when it is something else than a text. */
export const readText = (query: Query, name: string): string | null | undefined => {
  const value = readQuery(query, name)
  if (value.kind === 'absent') return null
  if (value.kind !== 'text') return undefined
  return value.text.trimStart() === '' ? null : value.text
}

/** A switch: null when absent; anything but `false` turns it on. */
export const readFlag = (query: Query, name: string): boolean | null => {
  const value = readQuery(query, name)
  return value.kind === 'absent' ? null : !(value.kind === 'text' && value.text === 'false')
}

/** Percent escapes that do not make UTF-8. */
export const isMalformed = (search: string): boolean => {
  const escapes = search.match(/(?:%[0-9A-Fa-f]{2})+/g) ?? []
  return escapes.some(run => {
    try {
      decodeURIComponent(run)
      return false
    } catch {
      return true
    }
  })
}

/** Queries that are kept, and the longest of them. */
const parsedLimit = 1000
const parsedLength = 2048

/**
 * Text after the `?` → its parameters, or null when it is malformed. Readers of a shape ask in the same words, and get
 * the same object: nobody may change it.
 */
export const createQueryParser = (): ((search: string) => URLSearchParams | null) => {
  const known = new Map<string, URLSearchParams>()
  return search => {
    const parsed = known.get(search)
    if (parsed !== undefined) return parsed
    if (isMalformed(search)) return null
    const query = new URLSearchParams(search)
    if (search.length > parsedLength) return query
    known.set(search, query)
    if (known.size > parsedLimit) known.delete(known.keys().next().value ?? '')
    return query
  }
}
