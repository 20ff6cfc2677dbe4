// Pieces of inline text and the marks that reach over them → text nodes with marks. Pure, one pass.
import type { ContentNode, Mark } from './model.ts'
import { tidyMarks } from './yjs-content.ts'

/** A piece: source that is text so far, text as it is, code, or a node. */
export interface Item {
  text: string
  readonly kind: 'source' | 'text' | 'code' | 'node'
  readonly node?: ContentNode
}

/** A mark over the items `from` to before `to`. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly mark: Mark
}

/** The items as nodes; spans are in the order in which they were closed. */
export const markedNodes = (items: readonly Item[], spans: readonly Span[]): ContentNode[] => {
  const starts = new Map<number, Mark[]>()
  const ends = new Map<number, Mark[]>()
  const add = (map: Map<number, Mark[]>, at: number, mark: Mark): void => {
    const list = map.get(at)
    if (list) list.push(mark)
    else map.set(at, [mark])
  }
  // outer ones come later: they were closed later
  for (const { from, to, mark } of spans.toReversed()) {
    if (from >= to) continue
    add(starts, from, mark)
    add(ends, to, mark)
  }
  // per type: many may overlap, the outermost counts
  const active = new Map<string, { readonly mark: Mark; count: number }>()
  const out: { node: ContentNode; key: string }[] = []
  for (const [index, item] of items.entries()) {
    for (const { type } of ends.get(index) ?? []) {
      const entry = active.get(type)
      if (entry && (entry.count -= 1) === 0) active.delete(type)
    }
    for (const mark of starts.get(index) ?? []) {
      const entry = active.get(mark.type)
      if (entry) entry.count += 1
      else active.set(mark.type, { mark, count: 1 })
    }
    if (item.node) {
      out.push({ node: item.node, key: '' })
      continue
    }
    if (item.text === '') continue
    const marks = tidyMarks([
      ...Array.from(active.values(), entry => entry.mark),
      ...(item.kind === 'code' ? [{ type: 'code' }] : []),
    ])
    const key = `text ${JSON.stringify(marks)}`
    const last = out.at(-1)
    if (last?.key === key) last.node = { ...last.node, text: (last.node.text ?? '') + item.text }
    else out.push({ node: { type: 'text', text: item.text, ...(marks.length > 0 ? { marks } : {}) }, key })
  }
  return out.map(({ node }) => node)
}
