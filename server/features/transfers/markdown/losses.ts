// What a document does not keep of its Markdown file, as warnings: one for each kind and file. Pure.
import { markdownToContent } from '#server/content/markdown.ts'
import type { Loss } from '#server/content/markdown-links.ts'
import type { ImportNote } from '../importer.ts'
import type { MarkdownSource } from './folder.ts'

const messages: Readonly<Record<Loss, string>> = {
  link: 'Links to files and to places on the page are kept as text, with their target behind it.',
  scheme: 'Links that are none of http, https and mailto are kept as text, without their target.',
  image: 'Images stay outside; a text or a link says where they are.',
  footnote: 'Footnotes are kept as text.',
  html: 'HTML is kept as text.',
}

const longestPart = 60

/** Warnings of what reading `source` leaves behind. Throws UnreadableMarkdown. */
export const lossesOf = ({ file, markdown }: MarkdownSource): ImportNote[] => {
  const lost = new Map<Loss, string[]>()
  markdownToContent(markdown, 'document', (kind, what) => lost.set(kind, [...(lost.get(kind) ?? []), what]))
  return Array.from(lost, ([kind, [first = '', ...more]]) => {
    const part = first.length > longestPart ? `${first.slice(0, longestPart)}…` : first
    return { file, message: messages[kind], detail: more.length === 0 ? part : `${part} and ${more.length} more` }
  })
}
