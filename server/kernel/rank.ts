// Ranks: fractional-index text in C order, always compared as (rank, id). New ranks carry random jitter, so that
// clients that drop cards at one spot while apart seldom meet (domain rules, section 6.4).
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const jitterLength = 3

/** A rank longer than this makes the server rewrite its column in the same transaction. */
export const rankRewriteLength = 100

const jitter = (random: () => number): string => {
  let text = ''
  for (let i = 0; i < jitterLength; i += 1) {
    // the last digit is never '0': the library's keys do not end in it
    const from = i === jitterLength - 1 ? 1 : 0
    text += digits[from + Math.floor(random() * (digits.length - from))]
  }
  return text
}

/**
 * A rank strictly between `above` and `below` (undefined = the end of the list), or undefined where nothing fits
 * because the two are equal or reversed: the caller rewrites the list then.
 */
export const rankBetween = (
  above: string | undefined,
  below: string | undefined,
  random: () => number,
): string | undefined => {
  if (above !== undefined && below !== undefined && above >= below) return undefined
  let key = generateKeyBetween(above ?? null, below ?? null)
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const candidate = key + jitter(random)
    if (below === undefined || candidate < below) return candidate
    key = generateKeyBetween(above ?? null, key)
  }
  return key
}

/** `count` ranks in order between `above` and `below` (undefined = the end of the list), of which `above` is the smaller. */
export const ranksBetween = (
  above: string | undefined,
  below: string | undefined,
  count: number,
  random: () => number,
): string[] => {
  const keys = generateNKeysBetween(above ?? null, below ?? null, count)
  return keys.map((key, index) => {
    const next = keys[index + 1] ?? below
    const candidate = key + jitter(random)
    return next === undefined || candidate < next ? candidate : key
  })
}

/** `count` fresh ranks in order, for a list that is written anew. */
export const freshRanks = (count: number, random: () => number): string[] =>
  ranksBetween(undefined, undefined, count, random)

/** Would the library accept `text` as a key? */
export const isRank = (text: string): boolean => {
  if (!/^[A-Za-z][0-9A-Za-z]{0,199}$/.test(text)) return false
  try {
    generateKeyBetween(text, null)
    return true
  } catch {
    return false
  }
}

/** (rank, id) order, bytewise: what Postgres does under COLLATE "C". */
export const byRank = (a: { rank: string; id: string }, b: { rank: string; id: string }): number =>
  a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0
