// Reading a folder of Markdown files: titles, tags and text of each, and the folders that they lie in.
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { AppError } from '#server/kernel/errors.ts'
import { hasFrontMatter, listField, oneLine, splitFrontMatter, textField } from '../front-matter.ts'
import { cutTo, type ImportNote } from '../importer.ts'

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
  /** What is not imported. */
  readonly left: readonly ImportNote[]
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
  return {
    title: cutTo(oneLine(title), 255).trim() || 'Untitled',
    tags: listField(fields.tags),
    markdown: body.trim(),
    fields,
  }
}

/** What lies below a folder. */
export interface FoundFiles {
  /** Paths inside the folder, in order, with `/`. */
  readonly files: readonly string[]
  /** What was passed over. */
  readonly left: readonly ImportNote[]
}

/** Finds all files below `root`; rejects as `readdir` does. */
export const filesBelow = async (root: string): Promise<FoundFiles> => {
  const files: string[] = []
  const left: ImportNote[] = []
  const walk = async (path: string): Promise<void> => {
    const entries = await readdir(join(root, path), { withFileTypes: true })
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.name.startsWith('.') || entry.name === 'node_modules') {
        left.push({ file, message: 'Hidden files and folders, and node_modules, stay outside.' })
      } else if (entry.isSymbolicLink()) left.push({ file, message: 'Symbolic links are not followed.' })
      else if (entry.isDirectory()) await walk(file)
      else if (entry.isFile()) files.push(file)
    }
  }
  await walk('')
  return { files: files.toSorted((a, b) => (a < b ? -1 : 1)), left }
}

/** What is said of a file that no document is made of. */
export const noMarkdown = (file: string): ImportNote => ({ file, message: 'Files that are no Markdown stay outside.' })

/** What is said of the fields of front matter that Skerry has none for: `names` but those `used`. */
export const fieldsLeft = (file: string, names: readonly string[], used: readonly string[] = []): ImportNote[] => {
  const left = names.filter(name => !used.includes(name))
  const message = 'Front matter that Skerry has no field for stays outside.'
  return left.length === 0 ? [] : [{ file, message, detail: left.join(', ') }]
}

/** Throws `bad_request` where `root` is no folder; `holding` says what it should hold. */
export const requireFolder = async (root: string, holding: string): Promise<void> => {
  const found = await stat(root).catch(() => undefined)
  if (found?.isDirectory()) return
  throw new AppError('bad_request', { message: `${root} is no folder; name one with ${holding}.` })
}

/** Reads `root` whole. Throws `bad_request` where there is no folder, or no Markdown in it. */
export const readMarkdownFolder = async (root: string): Promise<MarkdownFolder> => {
  await requireFolder(root, 'Markdown files')
  const { files, left } = await filesBelow(root)
  const sources: MarkdownSource[] = []
  const problems: ImportNote[] = []
  const unused: ImportNote[] = []
  const isMarkdown = (path: string): boolean => /\.(md|markdown)$/i.test(path)
  for (const file of files.filter(isMarkdown)) {
    const read = readMarkdown(await readFile(join(root, file), 'utf8'), file)
    if ('message' in read) problems.push(read)
    else {
      const { title, tags, markdown, fields } = read
      unused.push(...fieldsLeft(file, Object.keys(fields), ['title', 'tags']))
      const externalId = `${basename(resolve(root))}/${file}`
      sources.push({ externalId, file, folders: file.split('/').slice(0, -1), title, tags, markdown })
    }
  }
  if (sources.length + problems.length === 0) {
    throw new AppError('bad_request', { message: `${root} holds no Markdown files (.md).` })
  }
  return {
    sources,
    problems,
    left: [...unused, ...left, ...files.filter(file => !isMarkdown(file)).map(noMarkdown)],
  }
}
