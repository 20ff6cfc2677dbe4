// Turns a Yjs fragment into given content by the least that differs: equal blocks are not touched, a changed block is
// changed in place (its text word by word), so that what others type meanwhile survives wherever it can.
import * as Y from 'yjs'
import type { ContentNode } from './model.ts'
import { type Step, steps } from './sequence.ts'
import {
  attributesOf,
  formatOf,
  nodeOf,
  type Part,
  partsOf,
  textNodesOf,
  tidyAttributes,
  tidyMarks,
  typeOf,
} from './yjs-content.ts'

type Child = Y.XmlElement | Y.XmlText | Y.XmlHook

const keyOfPart = (part: Part): string =>
  JSON.stringify(
    part.kind === 'text'
      ? part.nodes.map(node => [node.text, tidyMarks(node.marks)])
      : [part.node.type, tidyAttributes(part.node.attrs), partsOf(part.node.content).map(keyOfPart)],
  )

const partOfChild = (child: Child): Part => {
  if (child instanceof Y.XmlText) return { kind: 'text', nodes: textNodesOf(child) }
  // a hook is no content: the empty name equals nothing that is wanted
  return { kind: 'element', node: child instanceof Y.XmlElement ? nodeOf(child) : { type: '' } }
}

const wordsIn = (part: Part): string[] => {
  if (part.kind === 'text') return part.nodes.flatMap(node => (node.text ?? '').match(/[\p{L}\p{N}]+/gu) ?? [])
  return [part.node.type, ...partsOf(part.node.content).flatMap(wordsIn)]
}

const sameKind = (a: Part, b: Part): boolean =>
  a.kind === 'text' ? b.kind === 'text' : b.kind === 'element' && a.node.type === b.node.type

/** How much two parts of one kind share, 0 to 1. */
const likeness = (a: readonly string[], b: readonly string[]): number => {
  if (a.length + b.length === 0) return 1
  const counts = new Map<string, number>()
  for (const word of a) counts.set(word, (counts.get(word) ?? 0) + 1)
  let common = 0
  for (const word of b) {
    const left = counts.get(word) ?? 0
    if (left > 0) {
      common += 1
      counts.set(word, left - 1)
    }
  }
  return (2 * common) / (a.length + b.length)
}

/** Gaps with more candidates than this are paired in order of appearance. */
const comparedPairs = 10_000

/** Which old part becomes which new one, in order; the rest is deleted or inserted. */
const pairUp = (before: readonly Part[], after: readonly Part[]): (readonly [number, number])[] => {
  if (before.length * after.length > comparedPairs) {
    const pairs: [number, number][] = []
    for (let index = 0; index < Math.min(before.length, after.length); index += 1) {
      const [a, b] = [before[index], after[index]]
      if (a && b && sameKind(a, b)) pairs.push([index, index])
    }
    return pairs
  }
  const old = before.map(wordsIn)
  const fresh = after.map(wordsIn)
  const score = before.map((a, i) =>
    after.map((b, j) => {
      if (!sameKind(a, b)) return 0
      const alike = likeness(old[i] ?? [], fresh[j] ?? [])
      // alone in its gap a part is the changed one, whatever it says now
      return alike > 0.2 || (before.length === 1 && after.length === 1) ? alike + 0.01 : 0
    }),
  )
  const best = Array.from({ length: before.length + 1 }, () => new Float64Array(after.length + 1))
  const at = (i: number, j: number): number => best[i]?.[j] ?? 0
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const both = score[i]?.[j] ?? 0
      const row = best[i]
      if (row) row[j] = Math.max(both > 0 ? both + at(i + 1, j + 1) : 0, at(i + 1, j), at(i, j + 1))
    }
  }
  const pairs: (readonly [number, number])[] = []
  let i = 0
  let j = 0
  while (i < before.length && j < after.length) {
    const both = score[i]?.[j] ?? 0
    if (both > 0 && at(i, j) === both + at(i + 1, j + 1)) pairs.push([i++, j++])
    else if (at(i, j) === at(i + 1, j)) i += 1
    else j += 1
  }
  return pairs
}

const equalJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

interface Run {
  readonly end: number
  readonly format: Readonly<Record<string, unknown>>
}

const runsOf = (nodes: readonly ContentNode[]): Run[] => {
  let end = 0
  return nodes.map(node => ({ end: (end += node.text?.length ?? 0), format: formatOf(node.marks) }))
}

const words = (text: string): string[] => text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? []

/** Offsets of the borders of words: entry n is where word n begins. */
const offsets = (list: readonly string[]): number[] => {
  let at = 0
  return [0, ...list.map(word => (at += word.length))]
}

type Change =
  | { retain: number; attributes?: Record<string, unknown> }
  | { insert: string; attributes: object }
  | { delete: number }

/** What must change in the formatting of one kept stretch. */
const formatChange = (from: Run['format'], to: Run['format']): Record<string, unknown> => ({
  ...Object.fromEntries(Object.keys(from).flatMap(name => (name in to ? [] : [[name, null]]))),
  ...Object.fromEntries(Object.entries(to).filter(([name, value]) => !equalJson(from[name], value))),
})

const updateText = (text: Y.XmlText, part: readonly ContentNode[]): void => {
  const current = textNodesOf(text)
  const before = current.map(node => node.text).join('')
  const after = part.map(node => node.text).join('')
  const [oldRuns, newRuns] = [runsOf(current), runsOf(part)]
  const [oldWords, newWords] = [words(before), words(after)]
  const [oldAt, newAt] = [offsets(oldWords), offsets(newWords)]
  const changes: Change[] = []
  const runAt = (runs: readonly Run[], at: number): Run =>
    runs.find(run => run.end > at) ?? { end: Infinity, format: {} }
  for (const step of steps(oldWords, newWords)) {
    let from = oldAt[step.from] ?? 0
    const fromEnd = oldAt[step.fromEnd] ?? 0
    let to = newAt[step.to] ?? 0
    const toEnd = newAt[step.toEnd] ?? 0
    if (step.equal) {
      while (to < toEnd) {
        const [old, fresh] = [runAt(oldRuns, from), runAt(newRuns, to)]
        const length = Math.min(toEnd - to, old.end - from, fresh.end - to)
        const attributes = formatChange(old.format, fresh.format)
        changes.push(Object.keys(attributes).length > 0 ? { retain: length, attributes } : { retain: length })
        from += length
        to += length
      }
      continue
    }
    if (fromEnd > from) changes.push({ delete: fromEnd - from })
    while (to < toEnd) {
      const fresh = runAt(newRuns, to)
      const end = Math.min(toEnd, fresh.end)
      changes.push({ insert: after.slice(to, end), attributes: fresh.format })
      to = end
    }
  }
  text.applyDelta(changes)
}

const updateElement = (element: Y.XmlElement, node: ContentNode): void => {
  const current = attributesOf(element)
  const wanted = tidyAttributes(node.attrs)
  for (const name of Object.keys(current)) if (!(name in wanted)) element.removeAttribute(name)
  for (const [name, value] of Object.entries(wanted)) {
    if (!equalJson(current[name], value)) element.setAttribute(name, value as string)
  }
  updateChildren(element, partsOf(node.content))
}

const updateChild = (child: Child | undefined, part: Part | undefined): void => {
  if (child instanceof Y.XmlText && part?.kind === 'text') updateText(child, part.nodes)
  else if (child instanceof Y.XmlElement && part?.kind === 'element') updateElement(child, part.node)
}

/** Makes the children of `parent` the given parts; call it within a transaction. */
export const updateChildren = (parent: Y.XmlFragment, parts: readonly Part[]): void => {
  const children = parent.toArray()
  const old = children.map(partOfChild)
  const way: Step[] = steps(old.map(keyOfPart), parts.map(keyOfPart))
  // from the end, so that positions before the change stay what they were
  for (const step of way.toReversed()) {
    if (step.equal) continue
    const pairs = pairUp(old.slice(step.from, step.fromEnd), parts.slice(step.to, step.toEnd))
    let end = step.fromEnd
    let until = step.toEnd
    for (const [i, j] of [...pairs.toReversed(), [-1, -1] as const]) {
      const after = i < 0 ? step.from : step.from + i + 1
      const fresh = parts.slice(j < 0 ? step.to : step.to + j + 1, until).map(typeOf)
      if (fresh.length > 0) parent.insert(end, fresh)
      if (end > after) parent.delete(after, end - after)
      if (i >= 0) updateChild(children[step.from + i], parts[step.to + j])
      end = step.from + i
      until = step.to + j
    }
  }
}
