// Pieces of SQL text. Everything is qualified and quoted, so that neither search_path nor the session's settings for
// strings change what it means.

import { elementOf, isEnum, typeInfo, type TypeName } from './types.ts'
import type { Value } from './values.ts'

/** A quoted identifier. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A string literal that reads the same whatever standard_conforming_strings is. */
export const quoteLiteral = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** A type as it is written in a cast. */
export const sqlType = (type: TypeName): string => {
  const element = elementOf(type)
  return element === undefined ? `pg_catalog.${type}` : `pg_catalog.${element}[]`
}

/** A typed literal. An enum's stays untyped: its type may be in any schema, and only its own column stands beside it. */
export const sqlConstant = (type: TypeName, value: Value | null): string => {
  const text = value === null ? 'NULL' : quoteLiteral(typeInfo(type)?.format(value) ?? '')
  return isEnum(elementOf(type) ?? type) ? text : `${text}::${sqlType(type)}`
}
