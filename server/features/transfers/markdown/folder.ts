// Reading a folder of Markdown files: titles, tags and text of each, and the folders that they lie in.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { AppError } from '#server/kernel/errors.ts'
import { hasFrontMatter, listField, splitFrontMatter, textField } from '../front-matter.ts'
import type { ImportNote } from '../importer.ts'

/** A Markdown file, to become a document. */
export interface MarkdownSource {
  /** Stable name of the file across runs. */
  readonly externalId: string
  /** Path inside the folder, with `/`. */
  readonly file: string
  /** Names of the folders that it lies in, from the top. */
  readonly folders: readonly string[]
  readonly title: string
  readonly tags: readonly string[]
  readonly markdown: string
}

/** What a folder holds. */
export interface MarkdownFolder {
  readonly sources: readonly MarkdownSource[]
  readonly problems: readonly ImportNote[]
  /** Files that are no Markdown: they are not imported. */
  readonly otherFiles: number
}

const titleIn = (body: string): string | undefined => /^\s*#[ \t]+(\S[^\n]*?)[ \t]*#*[ \t]*(?:\n|$)/.exec(body)?.[1]

/** The document in `source`; its title is that of the front matter, else its first heading, else the file's name. */
export const readMarkdown = (
  source: string,
  name: string,
): { title: string; tags: string[]; markdown: string; fields: Readonly<Record<string, unknown>> } | ImportNote => {
  const split = hasFrontMatter(source) ? splitFrontMatter(source) : { fields: {}, body: source.replace(/^\uFEFF/, '') }
  if ('message' in split) return { file: name, ...split }
  const { fields, body } = split
  const title = textField(fields.title) ?? titleIn(body) ?? basename(name).replace(/\.(md|markdown)$/i, '')
  const flat = title.replace(/\s+/g, ' ').trim()
  return { title: flat.slice(0, 255).trim() || 'Untitled', tags: listField(fields.tags), markdown: body.trim(), fields }
}

/** Paths of all files below `root` but hidden ones, in order, with `/`. */
export const filesBelow = async (root: string): Promise<string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(path => !path.split('/').some(part => part.startsWith('.') || part === 'node_modules'))
    .toSorted((a, b) => (a < b ? -1 : 1))
}

/** Reads `root` whole. Throws `bad_request` where there is no folder, or no Markdown in it. */
export const readMarkdownFolder = async (root: string): Promise<MarkdownFolder> => {
  const paths = await filesBelow(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    throw new AppError('bad_request', { message: `${root} is no folder; name one with Markdown files.` })
  })
  const sources: MarkdownSource[] = []
  const problems: ImportNote[] = []
  const isMarkdown = (path: string): boolean => /\.(md|markdown)$/i.test(path)
  for (const file of paths.filter(isMarkdown)) {
    const read = readMarkdown(await readFile(join(root, file), 'utf8'), file)
    if ('message' in read) problems.push(read)
    else {
      const { title, tags, markdown } = read
      const externalId = `${basename(resolve(root))}/${file}`
      sources.push({ externalId, file, folders: file.split('/').slice(0, -1), title, tags, markdown })
    }
  }
  if (sources.length + problems.length === 0) {
    throw new AppError('bad_request', { message: `${root} holds no Markdown files (.md).` })
  }
  return { sources, problems, otherFiles: paths.length - sources.length - problems.length }
}
