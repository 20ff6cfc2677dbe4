// Values as keys: equal in SQL exactly when the keys are equal. NULL and "how many rows there are" are keys as well, so
// that a value set is nothing but a count per key.
import { elementOf, isEnum, type TypeName } from '../where/types.ts'

/** Key of NULL, or of a row of values of which one is NULL. */
export const nullKey = 'n'
/** Its count is the number of rows. */
export const totalKey = 't'

type Text = string | null

/** Text output → the one text that stands for all equal values. */
export type Canonical = (text: string) => string

const same: Canonical = text => text

const numeric: Canonical = text => {
  if (!text.includes('.')) return text === '-0' ? '0' : text
  const short = text.replace(/\.?0+$/, '')
  return short === '-0' || short === '' ? '0' : short
}

const forms: Readonly<Record<string, readonly [family: string, canonical: Canonical]>> = {
  bool: ['bool', text => (text.startsWith('t') ? 't' : 'f')],
  int2: ['integer', same],
  int4: ['integer', same],
  int8: ['integer', same],
  text: ['text', same],
  varchar: ['text', same],
  name: ['name', same],
  bpchar: ['bpchar', text => text.replace(/ +$/, '')],
  numeric: ['numeric', numeric],
  float4: ['float4', text => (text === '-0' ? '0' : text)],
  float8: ['float8', text => (text === '-0' ? '0' : text)],
  uuid: ['uuid', same],
  bytea: ['bytea', same],
  date: ['date', same],
  time: ['time', same],
  timestamp: ['timestamp', same],
  timestamptz: ['timestamptz', same],
}

/** How values of a type become keys; undefined when equal values have texts that nothing here can make equal. */
export const formOf = (type: TypeName): { readonly family: string; readonly canonical: Canonical } | undefined => {
  if (elementOf(type) === undefined && isEnum(type)) return { family: type, canonical: same }
  const form = forms[type]
  return form === undefined ? undefined : { family: form[0], canonical: form[1] }
}

/** The key of a row's values; `null` among several makes the whole NULL. */
export const keyOf = (canonical: readonly Canonical[], values: readonly Text[]): string => {
  if (values.length === 1) {
    const [value = null] = values
    return value === null ? nullKey : `v${canonical[0]?.(value) ?? value}`
  }
  if (values.includes(null)) return nullKey
  return `v${JSON.stringify(values.map((value, index) => canonical[index]?.(value ?? '') ?? value))}`
}

/** The values that a key other than `nullKey` stands for. */
export const valuesOf = (key: string, width: number): readonly string[] =>
  width === 1 ? [key.slice(1)] : (JSON.parse(key.slice(1)) as string[])
