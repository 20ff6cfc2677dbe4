// Markdown → content of a comment. Raw HTML stays text; links of our own schemes become mentions. Pure.
import { TaskItem, TaskList } from '@tiptap/extension-list'
import { MarkdownManager } from '@tiptap/markdown'
import { StarterKit } from '@tiptap/starter-kit'
import { type ContentNode, isAllowedHref, type Mark } from './model.ts'

let manager: MarkdownManager | undefined

// made at first use: building the schema takes longer than parsing many comments
const parser = (): MarkdownManager =>
  (manager ??= new MarkdownManager({ extensions: [StarterKit, TaskList, TaskItem.configure({ nested: true })] }))

const mentionPrefix = 'skerry-user:'

const mentionOf = (node: ContentNode): ContentNode | undefined => {
  const link = node.marks?.find(mark => mark.type === 'link')
  const href = link?.attrs?.href
  if (typeof href !== 'string' || !href.startsWith(mentionPrefix)) return undefined
  return {
    type: 'mention',
    attrs: { id: href.slice(mentionPrefix.length), label: (node.text ?? '').replace(/^@/, '') },
  }
}

const cleanMarks = (marks: readonly Mark[] | undefined): readonly Mark[] =>
  (marks ?? []).flatMap(mark => {
    if (mark.type !== 'link') return [{ type: mark.type }]
    return isAllowedHref(mark.attrs?.href) ? [{ type: 'link', attrs: { href: mark.attrs?.href } }] : []
  })

// headings are no part of a comment: they stand as bold paragraphs, so that nothing typed is lost
const embolden = (node: ContentNode): ContentNode => ({
  ...node,
  type: 'paragraph',
  ...(node.content
    ? {
        content: node.content.map(child =>
          child.type === 'text' ? { ...child, marks: [...(child.marks ?? []), { type: 'bold' }] } : child,
        ),
      }
    : {}),
})

const convert = (node: ContentNode): ContentNode[] => {
  if (node.type === 'text') {
    if (!node.text) return []
    const marks = cleanMarks(node.marks)
    return [mentionOf(node) ?? { type: 'text', text: node.text, ...(marks.length > 0 ? { marks } : {}) }]
  }
  const { attrs: _attrs, ...source } = node.type === 'heading' ? embolden(node) : node
  const content = source.content?.flatMap(convert)
  const attrs =
    node.type === 'heading' ? {} : Object.fromEntries(Object.entries(node.attrs ?? {}).filter(([, v]) => v !== null))
  return [
    {
      type: source.type,
      ...(Object.keys(attrs).length > 0 ? { attrs } : {}),
      ...(content && content.length > 0 ? { content } : {}),
    },
  ]
}

/** The content that `markdown` stands for; still to be checked against the model, like any other input. */
export const markdownToContent = (markdown: string): ContentNode => {
  const [doc] = convert(parser().parse(markdown) as ContentNode)
  return doc ?? { type: 'doc' }
}
