// Content → plain text, and the people mentioned in it. Pure.
import type { ContentNode } from './model.ts'

const attribute = (node: ContentNode, name: string): string => {
  const value = node.attrs?.[name]
  return typeof value === 'string' ? value : ''
}

const inlineText = (node: ContentNode): string => {
  switch (node.type) {
    case 'text':
      return node.text ?? ''
    case 'hardBreak':
      return '\n'
    case 'mention':
      return `@${attribute(node, 'label')}`
    case 'image':
      return attribute(node, 'alt')
    default:
      return ''
  }
}

const isInline = (node: ContentNode): boolean => ['text', 'hardBreak', 'mention'].includes(node.type)

const lines = (node: ContentNode): string[] => {
  const children = node.content ?? []
  if (children.some(isInline)) return children.map(inlineText).join('').split('\n')
  if (children.length > 0) return children.flatMap(lines)
  const own = inlineText(node)
  return own === '' ? [] : [own]
}

/** One line per block and list item, no markup. */
export const plainText = (content: ContentNode): string => lines(content).join('\n').trim()

/** Ids of mentioned people, each once, in order of appearance, lower case. */
export const mentionedIds = (content: ContentNode): string[] => {
  const found = new Set<string>()
  const walk = (node: ContentNode): void => {
    if (node.type === 'mention') found.add(attribute(node, 'id').toLowerCase())
    node.content?.forEach(walk)
  }
  walk(content)
  return [...found]
}

/** `content` with mentions of people for whom `keep` is false turned into their text. */
export const keepMentions = (content: ContentNode, keep: (id: string) => boolean): ContentNode => {
  if (content.type === 'mention' && !keep(attribute(content, 'id').toLowerCase())) {
    return { type: 'text', text: inlineText(content) }
  }
  return content.content ? { ...content, content: content.content.map(child => keepMentions(child, keep)) } : content
}
