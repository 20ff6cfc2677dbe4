// Comparing single values with PostgreSQL over random operands: SKERRY_SEED chooses them, SKERRY_RUNS how many.
// Used by tests only.
import { expect } from 'vitest'
import { connectAsText } from './test-table.ts'

/** SKERRY_SEED, or a standing one. */
export const seed = Number(process.env['SKERRY_SEED'] ?? 20_240_102)
const count = Number(process.env['SKERRY_RUNS'] ?? 1000)

let state = seed >>> 0

/** A number in [0,1) (mulberry32). */
export const random = (): number => {
  state = (state + 0x6d_2b_79_f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

/** An integer from 0 to n - 1. */
export const below = (n: number): number => Math.floor(random() * n)

/** One of `list`. */
export const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T

/** An SQL expression over $1 and $2, how to draw both, and what ours makes of them; a throw stands for an SQL error. */
export type Case = readonly [
  expression: string,
  a: () => string,
  b: () => string,
  ours: (a: string, b: string) => string,
]

/** Draws nothing: for expressions of one operand. */
export const none = (): string => ''

export interface Comparison {
  compare(one: Case): Promise<void>
  close(): Promise<void>
}

/** Prepares the empty database at `url` to compare with. */
export const openComparison = async (url: string): Promise<Comparison> => {
  const client = await connectAsText(url)
  await client.query(
    `create function ev(a text, b text, expression text) returns text language plpgsql as $$
     declare r text;
     begin execute 'select (' || expression || ')::text' into r using a, b; return coalesce(r, 'NULL');
     exception when others then return 'ERROR'; end $$`,
  )
  return {
    compare: async ([expression, a, b, ours]) => {
      const inputs = Array.from({ length: count }, () => [a(), b()] as const)
      const { rows } = await client.query({
        text: 'select ev(a, b, $3) from unnest($1::text[], $2::text[]) with ordinality u (a, b, n) order by n',
        values: [inputs.map(i => i[0]), inputs.map(i => i[1]), expression],
        rowMode: 'array',
      })
      const differing = inputs.flatMap(([x, y], i) => {
        let mine: string
        try {
          mine = ours(x, y)
        } catch {
          mine = 'ERROR'
        }
        const theirs = (rows[i] as string[] | undefined)?.[0]
        return mine === theirs ? [] : [{ a: x, b: y, mine, theirs }]
      })
      expect(differing.slice(0, 5)).toEqual([])
    },
    close: () => client.end(),
  }
}
