// Content read from Markdown, with what Markdown does not carry (colours, alignment, widths, empty paragraphs) taken from
// the content that it replaces, in all blocks that it leaves as they are. Pure.
import { contentToMarkdown } from './markdown-write.ts'
import type { ContentNode } from './model.ts'
import { steps } from './sequence.ts'

const keyOf = (block: ContentNode): string => contentToMarkdown({ type: 'doc', content: [block] })

/**
 * What a replace by Markdown means: `after` (read from the Markdown), where every block that says the same as one of
 * `before` is that one. Writing back what was read as Markdown changes nothing.
 */
export const keepUncarried = (before: ContentNode, after: ContentNode): ContentNode => {
  const blocks = (before.content ?? []).map(block => ({ block, key: keyOf(block) }))
  const old = blocks.filter(({ key }) => key !== '')
  if (old.length === 0 && !after.content?.length) return before
  // blocks without Markdown (empty paragraphs) stay behind the block that they stand behind, where that one stays; at the
  // front they stay before the first
  const lead = blocks.slice(
    0,
    Math.max(
      0,
      blocks.findIndex(({ key }) => key !== ''),
    ),
  )
  const behind = new Map<ContentNode, ContentNode[]>()
  let last: ContentNode | undefined
  for (const { block, key } of blocks) {
    if (key !== '') last = block
    else if (last) {
      const list = behind.get(last)
      if (list) list.push(block)
      else behind.set(last, [block])
    }
  }
  const fresh = after.content ?? []
  const content: ContentNode[] = []
  for (const step of steps(
    old.map(({ key }) => key),
    fresh.map(keyOf),
  )) {
    if (!step.equal) {
      for (const block of fresh.slice(step.to, step.toEnd)) content.push(block)
      continue
    }
    if (step.from === 0) for (const { block } of lead) content.push(block)
    for (const { block } of old.slice(step.from, step.fromEnd)) {
      content.push(block)
      for (const empty of behind.get(block) ?? []) content.push(empty)
    }
  }
  return { ...after, ...(content.length > 0 ? { content } : {}) }
}
