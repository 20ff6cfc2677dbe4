// Turns a Yjs fragment into given content by the least that differs: equal blocks are not touched, a changed block is
// changed in place (its text word by word), so that what others type meanwhile survives wherever it can.
import * as Y from 'yjs'
import type { ContentNode } from './model.ts'
import { steps } from './sequence.ts'
import {
  attributesOf,
  formatOf,
  isPlain,
  type Part,
  partsOf,
  readDepth,
  textNodesOf,
  tidyAttributes,
  tidyMarks,
  typeOf,
} from './yjs-content.ts'

/** Equal content gets an equal number, however deep: each level names its children by theirs. */
type Names = Map<string, number>

const nameOf = (names: Names, content: string): number => {
  const known = names.get(content)
  if (known !== undefined) return known
  names.set(content, names.size)
  return names.size - 1
}

/** Content on either side of a replace: the part that is there (with its Yjs type) or the one that is wanted. */
interface Twig {
  readonly part: Part
  readonly name: number
  readonly children: readonly Twig[]
  readonly type?: Y.XmlElement | Y.XmlText
}

const twig = (names: Names, part: Part, children: readonly Twig[], type?: Twig['type']): Twig => {
  const content =
    part.kind === 'text'
      ? part.nodes.map(node => [node.text, tidyMarks(node.marks)])
      : { type: part.node.type, attrs: tidyAttributes(part.node.attrs), children: children.map(child => child.name) }
  return { part, children, name: nameOf(names, JSON.stringify(content)), ...(type ? { type } : {}) }
}

const presentTwig = (names: Names, type: Y.XmlElement | Y.XmlText | Y.XmlHook, depth: number): Twig => {
  if (type instanceof Y.XmlText) return twig(names, { kind: 'text', nodes: textNodesOf(type) }, [], type)
  // a hook is no content: the empty type equals nothing that is wanted
  if (!(type instanceof Y.XmlElement)) return twig(names, { kind: 'element', node: { type: '' } }, [])
  const attrs = attributesOf(type)
  const node = { type: type.nodeName, ...(Object.keys(attrs).length > 0 ? { attrs } : {}) }
  const children = depth > readDepth ? [] : presentTwigs(names, type, depth + 1)
  return twig(names, { kind: 'element', node }, children, type)
}

const presentTwigs = (names: Names, parent: Y.XmlFragment, depth: number): Twig[] =>
  parent.toArray().map(child => presentTwig(names, child, depth))

const wantedTwig = (names: Names, part: Part): Twig =>
  twig(names, part, part.kind === 'text' ? [] : partsOf(part.node.content).map(child => wantedTwig(names, child)))

/** Words that are compared; more tell nothing new, and a document of one block must not take forever. */
const comparedWords = 200

const wordsIn = ({ part, children }: Twig): string[] => {
  const found: string[] = []
  if (part.kind === 'text') {
    for (const node of part.nodes) {
      for (const [word] of (node.text ?? '').matchAll(/[\p{L}\p{N}]+/gu)) {
        if (found.push(word) >= comparedWords) return found
      }
    }
    return found
  }
  found.push(part.node.type)
  for (const child of children) {
    for (const word of wordsIn(child)) if (found.push(word) >= comparedWords) return found
  }
  return found
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

/** Pairs of parts that one replace compares; where that is used up, parts are paired in order of appearance. */
const comparedPairs = 200_000

/**
 * Texts that one replace changes in place. Each costs Yjs a pass over all that its author wrote; where more differ than
 * this, blocks are exchanged as wholes.
 */
const editsInPlace = 1000

interface Budget {
  edits: number
  pairs: number
}

/** Which old part becomes which new one, in order; the rest is deleted or inserted. */
const pairUp = (before: readonly Twig[], after: readonly Twig[], budget: Budget): (readonly [number, number])[] => {
  const old = before.map(wordsIn)
  const fresh = after.map(wordsIn)
  const changeable = before.map(({ type }) => !(type instanceof Y.XmlText) || isPlain(type))
  const scoreOf = (i: number, j: number): number => {
    const [a, b] = [before[i]?.part, after[j]?.part]
    if (!a || !b || !sameKind(a, b) || !changeable[i]) return 0
    const alike = likeness(old[i] ?? [], fresh[j] ?? [])
    // alone in its gap a part is the changed one, whatever it says now
    return alike > 0.2 || (before.length === 1 && after.length === 1) ? alike + 0.01 : 0
  }
  const compared = before.length * after.length
  if (compared > budget.pairs) {
    const pairs: [number, number][] = []
    for (let index = 0; index < Math.min(before.length, after.length); index += 1) {
      if (pairs.length < editsInPlace && scoreOf(index, index) > 0) pairs.push([index, index])
    }
    return pairs
  }
  budget.pairs -= compared
  const score = before.map((_, i) => after.map((__, j) => scoreOf(i, j)))
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

/** The run at a place; places must rise from call to call. */
const walk = (runs: readonly Run[]): ((at: number) => Run) => {
  let index = 0
  return at => {
    while ((runs[index]?.end ?? Infinity) <= at) index += 1
    return runs[index] ?? { end: Infinity, format: {} }
  }
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
  const [oldRunAt, newRunAt] = [walk(oldRuns), walk(newRuns)]
  for (const step of steps(oldWords, newWords)) {
    let from = oldAt[step.from] ?? 0
    const fromEnd = oldAt[step.fromEnd] ?? 0
    let to = newAt[step.to] ?? 0
    const toEnd = newAt[step.toEnd] ?? 0
    if (step.equal) {
      while (to < toEnd) {
        const [old, fresh] = [oldRunAt(from), newRunAt(to)]
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
      const fresh = newRunAt(to)
      const end = Math.min(toEnd, fresh.end)
      changes.push({ insert: after.slice(to, end), attributes: fresh.format })
      to = end
    }
  }
  text.applyDelta(changes)
}

const updateElement = (present: Twig, wanted: Twig, budget: Budget): void => {
  const element = present.type
  if (!(element instanceof Y.XmlElement) || wanted.part.kind !== 'element') return
  const { node } = wanted.part

  const current = attributesOf(element)
  const attributes = tidyAttributes(node.attrs)
  for (const name of Object.keys(current)) if (!(name in attributes)) element.removeAttribute(name)
  for (const [name, value] of Object.entries(attributes)) {
    if (!equalJson(current[name], value)) element.setAttribute(name, value as string)
  }
  updateTwigs(element, present.children, wanted.children, budget)
}

const updateTwig = (present: Twig | undefined, wanted: Twig | undefined, budget: Budget): void => {
  if (present?.type instanceof Y.XmlText && wanted?.part.kind === 'text') {
    budget.edits -= 1
    updateText(present.type, wanted.part.nodes)
  } else if (present && wanted) updateElement(present, wanted, budget)
}

const updateTwigs = (
  parent: Y.XmlFragment,
  present: readonly Twig[],
  wanted: readonly Twig[],
  budget: Budget,
): void => {
  const names = (list: readonly Twig[]): string[] => list.map(one => `${one.name}`)
  // from the end, so that positions before the change stay what they were
  for (const step of steps(names(present), names(wanted)).toReversed()) {
    if (step.equal) continue
    const pairs =
      budget.edits <= 0 ? [] : pairUp(present.slice(step.from, step.fromEnd), wanted.slice(step.to, step.toEnd), budget)
    let end = step.fromEnd
    let until = step.toEnd
    for (const [i, j] of [...pairs.toReversed(), [-1, -1] as const]) {
      const after = step.from + i + 1
      const fresh = wanted.slice(step.to + j + 1, until).map(one => typeOf(one.part))
      if (fresh.length > 0) parent.insert(end, fresh)
      if (end > after) parent.delete(after, end - after)
      if (i >= 0) updateTwig(present[step.from + i], wanted[step.to + j], budget)
      end = step.from + i
      until = step.to + j
    }
  }
}

/** Makes the children of `fragment` the given parts; call it within a transaction. */
export const updateFragment = (fragment: Y.XmlFragment, parts: readonly Part[]): void => {
  const names: Names = new Map()
  updateTwigs(
    fragment,
    presentTwigs(names, fragment, 0),
    parts.map(part => wantedTwig(names, part)),
    { edits: editsInPlace, pairs: comparedPairs },
  )
}
