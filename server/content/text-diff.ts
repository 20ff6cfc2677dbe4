// The difference of two plain texts by lines, in the unified format: for snapshots of documents. Pure.
import { type Step, steps } from './sequence.ts'

/** A unified difference; empty when the texts are equal. */
export interface TextDiff {
  readonly unified: string
  /** Lines. */
  readonly added: number
  readonly removed: number
}

/** Equal lines shown around a change. */
const context = 3

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

const range = (start: number, length: number): string => {
  const first = length === 0 ? start : start + 1
  return length === 1 ? `${first}` : `${first},${length}`
}

/** Changes no further apart than their contexts reach stand in one hunk. */
const hunks = (way: readonly Step[]): Step[][] => {
  const groups: Step[][] = []
  let group: Step[] = []
  for (const [index, step] of way.entries()) {
    if (!step.equal) {
      group.push(step)
      continue
    }
    const length = step.fromEnd - step.from
    const before = index > 0 ? context : 0
    const after = index < way.length - 1 ? context : 0
    if (length <= before + after) {
      group.push(step)
      continue
    }
    if (before > 0) {
      group.push({ ...step, fromEnd: step.from + before, toEnd: step.to + before })
      groups.push(group)
    }
    group = after > 0 ? [{ ...step, from: step.fromEnd - after, to: step.toEnd - after }] : []
  }
  return group.some(step => !step.equal) ? [...groups, group] : groups
}

/** What leads from `before` to `after`. */
export const textDiff = (before: string, after: string): TextDiff => {
  const [old, fresh] = [linesOf(before), linesOf(after)]
  const way = steps(old, fresh)
  const lines: string[] = []
  let added = 0
  let removed = 0
  const write = (sign: string, list: readonly string[], from: number, to: number): void => {
    for (let index = from; index < to; index += 1) lines.push(`${sign}${list[index] ?? ''}`)
  }
  for (const hunk of hunks(way)) {
    const [first, last] = [hunk[0], hunk.at(-1)]
    if (!first || !last) continue
    lines.push(`@@ -${range(first.from, last.fromEnd - first.from)} +${range(first.to, last.toEnd - first.to)} @@`)
    for (const step of hunk) {
      if (step.equal) {
        write(' ', old, step.from, step.fromEnd)
        continue
      }
      write('-', old, step.from, step.fromEnd)
      write('+', fresh, step.to, step.toEnd)
      removed += step.fromEnd - step.from
      added += step.toEnd - step.to
    }
  }
  return { unified: lines.map(line => `${line}\n`).join(''), added, removed }
}
