// Classes of characters as CommonMark has them. Pure.

/** Is it white space (or the edge of the text, given as '')? */
export const isSpace = (character: string): boolean => character === '' || /^\s$/u.test(character)

/** Is it punctuation or a symbol? */
export const isPunctuation = (character: string): boolean => /^[\p{P}\p{S}]$/u.test(character)

/** The first character of a text, both halves of a pair; '' for none. */
export const firstCharacter = (text: string): string => {
  const point = text.codePointAt(0)
  return point === undefined ? '' : String.fromCodePoint(point)
}

/** The last character of a text, both halves of a pair; '' for none. */
export const lastCharacter = (text: string): string => {
  const pair = text.slice(-2)
  return pair.length === 2 && pair.codePointAt(0) !== pair.charCodeAt(0) ? pair : text.slice(-1)
}

/** May a backslash stand before it? */
export const isEscapable = (character: string): boolean => /^[!-/:-@[-`{-~]$/.test(character)

const blank = new Set([' ', '\t', '\n'])

/** Without spaces, tabs and line feeds at its end. (A pattern would take the square of a long run of spaces.) */
export const trimBlankEnd = (text: string): string => {
  let end = text.length
  while (end > 0 && blank.has(text[end - 1] ?? '')) end -= 1
  return text.slice(0, end)
}

/** Without spaces, tabs and line feeds at both ends. */
export const trimBlank = (text: string): string => {
  let start = 0
  while (start < text.length && blank.has(text[start] ?? '')) start += 1
  return trimBlankEnd(text.slice(start))
}

/** How long the longest run of backticks in `text` is: fences must be longer. */
export const longestTicks = (text: string): number => {
  let longest = 0
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return longest
}
