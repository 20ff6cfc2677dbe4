// Text as the C collation sees it: order by bytes of UTF-8 (which is order by code point), case only for ASCII.

import { EvaluationError } from './errors.ts'

/** Order by code point. Surrogates sort by the characters they stand for, unlike in JavaScript. */
export const compareText = (a: string, b: string): number => {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      const high = (c: number): number => (c >= 0xd800 && c <= 0xdfff ? c + 0x1_0000 : c)
      return high(x) - high(y)
    }
  }
  return a.length - b.length
}

/** lower() for ASCII. */
export const asciiLower = (text: string): string => text.replace(/[A-Z]+/g, letters => letters.toLowerCase())

/** upper() for ASCII. */
export const asciiUpper = (text: string): string => text.replace(/[a-z]+/g, letters => letters.toUpperCase())

/** Whether a text has ASCII characters only. */
export const isAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}

/** A bpchar without its padding. */
export const trimBlanks = (text: string): string => {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--
  return end === text.length ? text : text.slice(0, end)
}

/** Number of characters (code points). */
export const characters = (text: string): number => {
  let count = text.length
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0xd800 && c < 0xdc00) count--
  }
  return count
}

const escapeError = (): EvaluationError => new EvaluationError('LIKE pattern must not end with escape character')

const step = (text: string, at: number): number => {
  const c = text.charCodeAt(at)
  return c >= 0xd800 && c < 0xdc00 ? 2 : 1
}

/**
 * LIKE: `%`, `_` and `\`, over the whole text including newlines. Goes back to the last `%` only, so time is bounded by
 * text × pattern. A pattern that ends in `\` raises when the match gets there, as in PostgreSQL.
 */
export const like = (text: string, pattern: string): boolean => {
  let t = 0
  let p = 0
  let starPattern = -1
  let starText = 0
  for (;;) {
    if (t >= text.length) {
      while (pattern.charAt(p) === '%') p++
      if (p >= pattern.length) return true
      // Too little text for the pattern: no other place for the last % can help.
      return false
    }
    if (p < pattern.length) {
      const c = pattern.charAt(p)
      if (c === '%') {
        p++
        while (p < pattern.length) {
          const next = pattern.charAt(p)
          if (next === '_') {
            if (t >= text.length) return false
            t += step(text, t)
          } else if (next !== '%') break
          p++
        }
        if (p >= pattern.length) return true
        if (pattern.charAt(p) === '\\' && p + 1 >= pattern.length) throw escapeError()
        starPattern = p
        starText = t
        continue
      }
      if (c === '\\' && p + 1 >= pattern.length) throw escapeError()
      const literal = c === '\\' ? p + 1 : p
      if (c === '_') {
        t += step(text, t)
        p++
        continue
      }
      if (text.charCodeAt(t) === pattern.charCodeAt(literal)) {
        t++
        p = literal + 1
        continue
      }
    }
    // A mismatch: one more character for the last %.
    if (starPattern < 0) return false
    starText += step(text, starText)
    t = starText
    p = starPattern
  }
}

/** like_escape: a pattern for another escape character, rewritten to `\`. */
export const likeEscape = (pattern: string, escape: string): string => {
  const [first, ...more] = Array.from(escape)
  if (more.length > 0) throw new EvaluationError('invalid escape string')
  if (first === undefined) return pattern.replaceAll('\\', '\\\\')
  if (first === '\\') return pattern
  let result = ''
  let after = false
  for (const c of pattern) {
    if (c === first && !after) {
      result += '\\'
      after = true
    } else {
      if (c === '\\' && !after) result += '\\'
      result += c
      after = false
    }
  }
  return result
}
