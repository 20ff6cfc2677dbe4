// SQL identifiers as they stand in `table`, `columns` and `queryable_columns`, and quoting for generated SQL.

/** The identifier, or the text that the reader gets. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string }

const fail = (error: string) => ({ ok: false, error }) as const

const foldAscii = (text: string) => text.replace(/[A-Z]/g, letter => letter.toLowerCase())

const parseIdentifier = (text: string): Parsed<string> => {
  if (text === '' || text === '""') return fail('Invalid zero-length delimited identifier')
  if (text.includes('\0') && text.startsWith('"')) return fail('Invalid identifier contains a NUL character')
  let value: string
  if (text.startsWith('"') && text.endsWith('"') && text.length > 1) {
    const inner = text.slice(1, -1)
    if (inner.replaceAll('""', '').includes('"')) return fail(`Invalid identifier with unescaped quote: ${inner}`)
    value = inner.replaceAll('""', '"')
  } else {
    if (!/^[\p{L}_][\p{L}\p{M}_0-9$]*$/u.test(text))
      return fail(`Invalid unquoted identifier contains special characters: ${text}`)
    value = foldAscii(text)
  }
  return Buffer.byteLength(value) > 63 ? fail('Identifier is too long (max length is 63)') : { ok: true, value }
}

/** Splits at `separator` outside double quotes. */
const splitOutsideQuotes = (text: string, separator: string): string[] => {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted
    else if (text[i] === separator && !quoted) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}

/** A table's name with its schema. */
export interface RelationName {
  readonly schema: string
  readonly name: string
}

/** `name` or `schema.name`; the schema is `public` when absent. */
export const parseRelation = (text: string): Parsed<RelationName> => {
  const parts = splitOutsideQuotes(text, '.')
  if (parts.length > 2) return fail(`Invalid relation identifier, too many delimiters: ${text}`)
  const names: string[] = []
  for (const part of parts) {
    const parsed = parseIdentifier(part)
    if (!parsed.ok) return parsed
    names.push(parsed.value)
  }
  const [first = '', second] = names
  return { ok: true, value: second === undefined ? { schema: 'public', name: first } : { schema: first, name: second } }
}

/** A comma-separated list of identifiers; nothing is trimmed, and what stands there twice comes twice. */
export const parseColumnList = (text: string): Parsed<readonly string[]> => {
  const names: string[] = []
  for (const part of splitOutsideQuotes(text, ',')) {
    const parsed = parseIdentifier(part)
    if (!parsed.ok) return parsed
    names.push(parsed.value)
  }
  return { ok: true, value: names }
}

/** An identifier in double quotes, for SQL. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** `"schema"."name"`, for SQL. */
export const quoteRelation = ({ schema, name }: RelationName): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`

/** A string literal for SQL. */
export const quoteLiteral = (text: string): string =>
  text.includes('\\') ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`
