// Reading a Backlog.md folder: config, tasks in their sub-folders, milestones, docs and decisions; and a note of every file
// that stays outside.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { AppError } from '#server/kernel/errors.ts'
import { type ParseProblem, textField } from '../front-matter.ts'
import type { ImportNote } from '../importer.ts'
import {
  fieldsLeft,
  filesBelow,
  type FoundFiles,
  type MarkdownSource,
  noMarkdown,
  readMarkdown,
  requireFolder,
} from '../markdown/folder.ts'
import { type BacklogItem, parseBacklogFile } from './parse.ts'

export type Place = 'tasks' | 'completed' | 'drafts' | 'archive/tasks' | 'archive/drafts'
/** Sub-folders of tasks; what is put away comes later. */
export const places: readonly Place[] = ['tasks', 'completed', 'drafts', 'archive/tasks', 'archive/drafts']

export interface SourceItem {
  readonly place: Place
  /** Path inside the folder. */
  readonly file: string
  readonly item: BacklogItem
}

type FileProblem = Partial<ParseProblem> & { readonly file: string; readonly message: string }

export interface BacklogFolder {
  readonly projectName: string
  readonly prefix: string
  /** Status names in board order. */
  readonly statuses: readonly string[]
  readonly items: readonly SourceItem[]
  /** Milestone id → title. */
  readonly milestones: ReadonlyMap<string, string>
  readonly problems: readonly FileProblem[]
  /** What is not imported. */
  readonly left: readonly ImportNote[]
  /** Docs and decisions, to become documents of the project. */
  readonly documents: readonly MarkdownSource[]
}

const isTaskFile = (path: string): boolean => path.endsWith('.md') && basename(path).toLowerCase() !== 'readme.md'

/** What is read of the folder; whatever else lies in it is named, and not walked. */
const parts = ['tasks', 'completed', 'drafts', 'archive', 'milestones', 'docs', 'decisions']
const configs = ['config.yml', 'config.yaml']

/** All files of the folder's parts and those beside them, with `/`. */
const filesIn = async (root: string): Promise<FoundFiles> => {
  const files: string[] = []
  const left: ImportNote[] = []
  const entries = await readdir(root, { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry
    if (entry.isFile()) files.push(name)
    else if (parts.includes(name)) {
      const found = await filesBelow(join(root, name))
      files.push(...found.files.map(file => `${name}/${file}`))
      left.push(...found.left.map(note => ({ ...note, file: `${name}/${note.file}` })))
    } else left.push({ file: name, message: elsewhere })
  }
  return { files, left }
}

/** The files in `part`, named from there on. */
const below = (files: readonly string[], part: string): string[] =>
  files.filter(file => file.startsWith(`${part}/`)).map(file => file.slice(part.length + 1))

const elsewhere =
  'Only tasks, milestones, docs and decisions are read, and config.yml; what lies elsewhere stays outside.'

/** Why `file` stays outside. */
const outside = (file: string): ImportNote => {
  if (!/\.(md|markdown)$/i.test(file)) return noMarkdown(file)
  const isReadme = basename(file).toLowerCase() === 'readme.md'
  return { file, message: isReadme ? 'A readme.md tells of its folder and stays outside.' : elsewhere }
}

const readConfig = async (root: string, used: Set<string>): Promise<Record<string, unknown>> => {
  for (const name of configs) {
    try {
      const config: unknown = parse(await readFile(join(root, name), 'utf8'))
      used.add(name)
      if (typeof config === 'object' && config !== null) return config as Record<string, unknown>
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw new AppError('bad_request', {
          message: `${name} cannot be read: ${(error as Error).message}`,
          cause: error,
        })
      }
    }
  }
  return {}
}

const headed = ['status', 'date'] as const

/** A decision's date and state have no field of their own in a document: they head its text. */
const headOf = (fields: Readonly<Record<string, unknown>>): string =>
  headed
    .flatMap(name => {
      const value = textField(fields[name])
      return value === undefined ? [] : [`${name === 'status' ? 'Status' : 'Date'}: ${value}`]
    })
    .join('  \n')

const readDocuments = async (
  root: string,
  kind: 'docs' | 'decisions',
  files: readonly string[],
): Promise<Pick<BacklogFolder, 'documents' | 'problems' | 'left'>> => {
  const left: ImportNote[] = []
  const documents: MarkdownSource[] = []
  const problems: FileProblem[] = []
  const ids = new Set<string>()
  for (const path of files) {
    const file = `${kind}/${path}`
    const read = readMarkdown(await readFile(join(root, file), 'utf8'), file)
    if ('message' in read) {
      problems.push(read)
      continue
    }
    const id = textField(read.fields.id)?.toUpperCase() ?? path
    const used = ['id', 'title', 'tags', ...(kind === 'decisions' ? headed : [])]
    left.push(...fieldsLeft(file, Object.keys(read.fields), used))
    const head = kind === 'decisions' ? headOf(read.fields) : ''
    documents.push({
      // an id that occurs twice is told apart by its path
      externalId: ids.has(id) ? `${kind}/${path}/${id}` : `${kind}/${id}`,
      file,
      folders: [kind === 'docs' ? 'Docs' : 'Decisions', ...path.split('/').slice(0, -1)],
      title: read.title,
      tags: read.tags,
      markdown: head === '' ? read.markdown : `${head}\n\n${read.markdown}`,
    })
    ids.add(id)
  }
  return { documents, problems, left }
}

const onlyTitle = 'Of a milestone only the title comes along, as a label of its tasks.'

/** Reads `root` whole. Throws `bad_request` where there is nothing of a Backlog.md folder in it. */
export const readBacklogFolder = async (root: string): Promise<BacklogFolder> => {
  await requireFolder(root, 'Backlog.md tasks')
  const found = await filesIn(root)
  const used = new Set<string>()
  const take = (part: string): string[] => {
    const files = below(found.files, part).filter(isTaskFile)
    for (const file of files) used.add(`${part}/${file}`)
    return files
  }
  const config = await readConfig(root, used)
  const items: SourceItem[] = []
  const problems: FileProblem[] = []
  const left: ImportNote[] = [...found.left]
  for (const place of places) {
    for (const path of take(place)) {
      const file = `${place}/${basename(path)}`
      const parsed = parseBacklogFile(await readFile(join(root, place, path), 'utf8'))
      if ('message' in parsed) problems.push({ ...parsed, file })
      else {
        items.push({ place, file, item: parsed })
        left.push(...fieldsLeft(file, parsed.unused))
      }
    }
  }
  if (items.length === 0 && problems.length === 0) {
    throw new AppError('bad_request', {
      message: `${root} holds no Backlog.md tasks (looked into ${places.join(', ')}).`,
    })
  }
  const milestones = new Map<string, string>()
  for (const folder of ['milestones', 'archive/milestones']) {
    for (const path of take(folder)) {
      const file = `${folder}/${path}`
      const parsed = parseBacklogFile(await readFile(join(root, file), 'utf8'))
      if ('message' in parsed) left.push({ ...parsed, file })
      else {
        milestones.set(parsed.id.toLowerCase(), parsed.title)
        if (parsed.description !== '' || parsed.checklists.length > 0) left.push({ file, message: onlyTitle })
      }
    }
  }
  const papers = [
    await readDocuments(root, 'docs', take('docs')),
    await readDocuments(root, 'decisions', take('decisions')),
  ]
  const others = found.files.filter(file => !used.has(file)).map(outside)
  const { project_name: name, task_prefix: prefix, statuses } = config
  return {
    projectName: typeof name === 'string' && name.trim() !== '' ? name.trim() : basename(root),
    prefix: typeof prefix === 'string' && /^[a-z][a-z0-9]{0,9}$/i.test(prefix) ? prefix.toUpperCase() : 'TASK',
    statuses: Array.isArray(statuses) ? statuses.filter(status => typeof status === 'string') : [],
    items,
    milestones,
    problems: [...problems, ...papers.flatMap(one => one.problems)],
    left: [...left, ...papers.flatMap(one => one.left), ...others],
    documents: papers.flatMap(one => one.documents),
  }
}
