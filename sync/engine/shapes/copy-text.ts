// COPY text → shape JSON, in JavaScript: the server's own JSON functions cost three times the COPY. Values are the
// output functions' text, the same that pgoutput sends, so keys are the same bytes in snapshot and stream.
import { must } from '#server/kernel/must.ts'
import { quoteIdentifier } from '../identifiers.ts'
import { keyColumns, type ShapeDefinition } from './definition.ts'
import { keyPrefix, keySection } from './encode.ts'

// oxlint-disable-next-line no-control-regex -- these are the characters that JSON escapes
const special = /["\\\u0000-\u001f]/
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** A COPY field → its value. */
export const copyValue = (field: string): string | null =>
  field === '\\N'
    ? null
    : field.includes('\\')
      ? field.replace(/\\(.)/g, (_all, char: string) => escapes[char] ?? char)
      : field

const fieldJson = (field: string): string => {
  if (!special.test(field)) return `"${field}"`
  const value = copyValue(field)
  return value === null ? 'null' : JSON.stringify(value)
}

/** How rows of one query become messages. */
export interface RowEncoder {
  /** The select list. */
  readonly columns: string
  /** One line of COPY text, without its newline, → the JSON of an insert message. */
  encode(line: string): string
}

/** Headers that depend on the row. */
export interface PerRow {
  /** The select list, beginning with the columns `names`. */
  readonly columns: readonly string[]
  readonly names: readonly string[]
  /** The fields of one line → JSON to put after the other headers. */
  headers(fields: readonly string[]): string
}

/** Rows of `definition`; `moreHeaders` is JSON to put after the relation, such as `,"snapshot_mark":1`. */
export const createRowEncoder = (definition: ShapeDefinition, moreHeaders = '', perRow?: PerRow): RowEncoder => {
  const keys = keyColumns(definition)
  const names = perRow?.names ?? [...definition.selected, ...keys.filter(name => !definition.selected.includes(name))]
  const keyPositions = keys.map(name => names.indexOf(name))
  const labels = definition.selected.map((name, index) => `${index === 0 ? '' : ','}${JSON.stringify(name)}:`)
  const prefix = keyPrefix(definition.schema, definition.name)
  const start = `{"key":${JSON.stringify(prefix).slice(0, -1)}`
  const middle = '","value":{'
  const end = `},"headers":{"operation":"insert","relation":${JSON.stringify([definition.schema, definition.name])}${moreHeaders}`
  const selectedCount = labels.length
  return {
    columns: (perRow?.columns ?? names.map(quoteIdentifier)).join(', '),
    encode: line => {
      const fields = line.split('\t')
      let text = start
      for (const position of keyPositions) {
        const section = keySection(copyValue(must(fields[position], 'key column')))
        text += JSON.stringify(section).slice(1, -1)
      }
      text += middle
      for (let index = 0; index < selectedCount; index++) text += labels[index] + fieldJson(fields[index] as string)
      return `${text}${end}${perRow === undefined ? '' : perRow.headers(fields)}}}`
    },
  }
}

/** Cuts a stream of bytes into lines; a line never loses a split character, because it is cut at newline bytes. */
export const createLineSplitter = (onLine: (line: string, ascii: boolean) => void): ((bytes: Buffer) => void) => {
  let rest: Buffer | undefined
  return bytes => {
    const last = bytes.lastIndexOf(0x0a)
    if (last < 0) {
      rest = rest === undefined ? bytes : Buffer.concat([rest, bytes])
      return
    }
    const whole = rest === undefined ? bytes.subarray(0, last) : Buffer.concat([rest, bytes.subarray(0, last)])
    rest = last + 1 < bytes.length ? bytes.subarray(last + 1) : undefined
    const text = whole.toString('utf8')
    const ascii = text.length === whole.length
    let at = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      onLine(text.slice(at, end), ascii)
      at = end + 1
    }
    onLine(text.slice(at), ascii)
  }
}
