// Front matter of Markdown files: YAML between two lines of three dashes. Pure.
import { isMap, LineCounter, parseDocument, visit } from 'yaml'

export interface FrontMatter {
  readonly fields: Readonly<Record<string, unknown>>
  readonly body: string
}

/** What is wrong with a file; `line` counts from 1 in the whole file. */
export interface ParseProblem {
  readonly line: number
  readonly message: string
}

/** A field as one line of text; undefined when it says nothing. */
export const textField = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value.trim()
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return undefined
}

/** Without line breaks and tabs; other white space is the author's. */
export const oneLine = (text: string): string => text.replace(/[\t\r\n]+/g, ' ').trim()

/** A field as a list of texts; one value is a list of one. */
export const listField = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).map(textField).filter(item => item !== undefined)

// Backlog.md writes people as bare @names, which YAML reserves; its own reader quotes them as well
const quoteAt = (line: string): string =>
  line.replace(/^(\s*(?:[\w-]+:\s+|-\s+))(@[^'"#]*?)\s*$/, (_all, head: string, name: string) => `${head}'${name}'`)

/** Does `source` begin with front matter? */
export const hasFrontMatter = (source: string): boolean => /^\uFEFF?---[ \t]*\r?\n/.test(source)

/** Fields and body of `source`, or what is wrong with it and on which line. */
export const splitFrontMatter = (source: string): FrontMatter | ParseProblem => {
  const lines = source.replace(/^\uFEFF/, '').split(/\r?\n/)
  if (lines[0]?.trim() !== '---') return { line: 1, message: 'The file does not begin with front matter (---).' }
  const end = lines.indexOf('---', 1)
  if (end < 0) return { line: 1, message: 'The front matter has no end (---).' }
  const body = lines.slice(end + 1).join('\n')
  const counter = new LineCounter()
  const yaml = lines.slice(1, end).map(quoteAt).join('\n')
  // without prettyErrors: their messages count lines from the front matter on and end with a piece of it
  const document = parseDocument(yaml, { lineCounter: counter, uniqueKeys: true, prettyErrors: false })
  const wrong = (at: number, why: string): ParseProblem => ({
    line: counter.linePos(at).line + 1,
    message: `The front matter is not valid YAML: ${why.replace(/\.?$/, '.')}`,
  })
  const error = document.errors[0]
  if (error) return wrong(error.pos[0], error.message)
  if (document.contents === null) return { fields: {}, body }
  if (!isMap(document.contents)) return { line: 2, message: 'The front matter is not a list of fields.' }
  let lost: { readonly at: number; readonly name: string } | undefined
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined) lost ??= { at: alias.range?.[0] ?? 0, name: alias.source }
    },
  })
  // only the reading of values looks for what an alias stands for
  if (lost) return wrong(lost.at, `*${lost.name} stands for nothing; text that begins with a star needs quotes`)
  try {
    return { fields: document.toJS() as Record<string, unknown>, body }
  } catch (refusal) {
    // aliases of aliases of aliases
    if (refusal instanceof ReferenceError) return wrong(0, refusal.message)
    throw refusal
  }
}
