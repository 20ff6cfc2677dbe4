// COPY text as strings, for the few rows that are looked at here instead of being sent on (copy-text.ts).
import { cutLines } from './copy-text.ts'

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** A COPY field → its value. */
export const copyValue = (field: string): string | null =>
  field === '\\N'
    ? null
    : field.includes('\\')
      ? field.replace(/\\(.)/g, (_all, char: string) => escapes[char] ?? char)
      : field

/** Cuts a stream of bytes into lines; a line never loses a split character, because it is cut at newline bytes. */
export const createLineSplitter = (onLine: (line: string) => void): ((bytes: Buffer) => void) =>
  cutLines((source, from, to) => onLine(source.toString('utf8', from, to)))
