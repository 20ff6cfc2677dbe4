// A Markdown file as content, read once, with what a document does not keep of it as warnings: one a kind and file. Pure.
import type { Loss } from '#server/content/markdown-links.ts'
import type { ContentNode } from '#server/content/model.ts'
import { contentFrom } from '../../documents/content.ts'
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

/** Content that commands take as their value, and what reading it leaves behind. */
export interface ReadSource {
  readonly content: ContentNode
  readonly losses: readonly ImportNote[]
}

/** Reads the text of a file. Throws 422 for what no document can hold. */
export const readSource = ({ file, markdown }: MarkdownSource): ReadSource => {
  // a file may lose a hundred thousand times: the first of a kind and their number are enough
  const lost = new Map<Loss, { readonly first: string; count: number }>()
  const content = contentFrom('markdown', markdown, 'content', (kind, what) => {
    const known = lost.get(kind)
    if (known) known.count += 1
    else lost.set(kind, { first: what, count: 1 })
  })
  const losses = Array.from(lost, ([kind, { first, count }]) => {
    const part = first.length > longestPart ? `${first.slice(0, longestPart)}…` : first
    return { file, message: messages[kind], detail: count === 1 ? part : `${part} and ${count - 1} more` }
  })
  return { content, losses }
}
