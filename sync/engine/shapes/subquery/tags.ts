// Tags: what lets a reader find the rows that a move concerns. One tag per disjunct, one slot per position: nothing where
// the position belongs to another disjunct, `1` for a plain condition, a token of the row's value for a membership.
import { createHash } from 'node:crypto'
import type { RowHeaders } from '../encode.ts'
import type { Filter } from './definition.ts'
import type { Facts } from './literals.ts'

/** Where a move takes place. */
export interface Pattern {
  readonly pos: number
  readonly value: string
}

/** A row version as its headers need it. */
export interface TaggedRow {
  readonly tags: readonly string[]
  /** By literal. */
  readonly active: readonly boolean[]
}

export interface Tagger {
  tags(facts: Facts): readonly string[]
  /** `,"tags":[…],"active_conditions":[…]`. */
  headers(row: TaggedRow): string
  /** For a change of a row from one version to the other; either may be absent. */
  rowHeaders(previous: TaggedRow | null, next: TaggedRow | null): RowHeaders
  /** The patterns of a move of these keys at every position of a literal. */
  patterns(literal: number, keys: readonly string[]): readonly Pattern[]
}

/** The tagger of the shape with this handle: tokens of one shape say nothing about another's. */
export const createTagger = (handle: string, filter: Filter): Tagger => {
  const positions = filter.disjuncts.flat()
  // Rows that change together mostly share their values.
  let lastKey: string | undefined
  let lastToken = ''
  const token = (key: string) => {
    if (key === lastKey) return lastToken
    lastToken = createHash('sha256').update(`${handle}\0${key}`).digest('hex').slice(0, 32)
    lastKey = key
    return lastToken
  }

  const tags = (facts: Facts): readonly string[] => {
    const slots = facts.map(fact => (typeof fact === 'string' ? token(fact) : '1'))
    let start = 0
    return filter.disjuncts.map(disjunct => {
      const from = start
      start += disjunct.length
      return positions
        .map((literal, position) => (position >= from && position < start ? (slots[literal] ?? '') : ''))
        .join('/')
    })
  }
  const activeJson = (active: readonly boolean[]) =>
    `,"active_conditions":[${positions.map(literal => active[literal] === true).join(',')}]`
  const headers = (row: TaggedRow) => `,"tags":${JSON.stringify(row.tags)}${activeJson(row.active)}`

  /** Readers forget a row under every slot of a removed tag, also where the new tag has the same token. */
  const sharesToken = (removed: readonly string[], added: readonly string[]) =>
    removed.some(old => {
      const slots = old.split('/')
      return added.some(tag => tag.split('/').some((slot, index) => slot.length > 1 && slot === slots[index]))
    })

  return {
    tags,
    headers,
    rowHeaders: (previous, next) => {
      if (previous === null || next === null)
        return {
          previous: previous === null ? '' : headers(previous),
          next: next === null ? '' : headers(next),
          update: '',
          changed: false,
          apart: false,
        }
      const removed = previous.tags.filter(tag => !next.tags.includes(tag))
      const moved = previous.active.some((active, index) => active !== next.active[index])
      return {
        previous: headers(previous),
        next: headers(next),
        update: `,"tags":${JSON.stringify(next.tags)},"removed_tags":${JSON.stringify(removed)}${activeJson(next.active)}`,
        changed: removed.length > 0 || moved,
        apart: removed.length > 0 && sharesToken(removed, next.tags),
      }
    },
    patterns: (literal, keys) =>
      positions.flatMap((each, pos) => (each === literal ? keys.map(key => ({ pos, value: token(key) })) : [])),
  }
}
