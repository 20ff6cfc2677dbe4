// Reading a Backlog.md folder: config, tasks in their sub-folders, milestones; and a count of what stays outside.
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { AppError } from '#server/kernel/errors.ts'
import { type ParseProblem, textField } from '../front-matter.ts'
import type { ImportNote } from '../importer.ts'
import {
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

/** What lies in a part of the folder, which may be missing; named from the folder on. */
const filesIn = async (root: string, part: string): Promise<FoundFiles> => {
  const { files, left } = await filesBelow(join(root, part)).catch((error: NodeJS.ErrnoException): FoundFiles => {
    if (error.code === 'ENOENT') return { files: [], left: [] }
    throw error
  })
  return { files, left: left.map(note => ({ ...note, file: `${part}/${note.file}` })) }
}

const readConfig = async (root: string): Promise<Record<string, unknown>> => {
  for (const name of ['config.yml', 'config.yaml']) {
    try {
      const config: unknown = parse(await readFile(join(root, name), 'utf8'))
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

/** A decision's date and state have no field of their own in a document: they head its text. */
const headOf = (fields: Readonly<Record<string, unknown>>): string =>
  (['status', 'date'] as const)
    .flatMap(name => {
      const value = textField(fields[name])
      return value === undefined ? [] : [`${name === 'status' ? 'Status' : 'Date'}: ${value}`]
    })
    .join('  \n')

const readDocuments = async (
  root: string,
  kind: 'docs' | 'decisions',
): Promise<Pick<BacklogFolder, 'documents' | 'problems' | 'left'>> => {
  const { files, left } = await filesIn(root, kind)
  const documents: MarkdownSource[] = []
  const problems: FileProblem[] = []
  const ids = new Set<string>()
  for (const path of files.filter(isTaskFile)) {
    const file = `${kind}/${path}`
    const read = readMarkdown(await readFile(join(root, file), 'utf8'), file)
    if ('message' in read) {
      problems.push(read)
      continue
    }
    const id = textField(read.fields.id)?.toUpperCase() ?? path
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
  const others = files.filter(path => !path.endsWith('.md')).map(path => noMarkdown(`${kind}/${path}`))
  return { documents, problems, left: [...left, ...others] }
}

/** Reads `root` whole. Throws `bad_request` where there is nothing of a Backlog.md folder in it. */
export const readBacklogFolder = async (root: string): Promise<BacklogFolder> => {
  await requireFolder(root, 'Backlog.md tasks')
  const config = await readConfig(root)
  const items: SourceItem[] = []
  const problems: FileProblem[] = []
  const left: ImportNote[] = []
  for (const place of places) {
    const found = await filesIn(root, place)
    left.push(...found.left)
    for (const path of found.files.filter(isTaskFile)) {
      const file = `${place}/${basename(path)}`
      const parsed = parseBacklogFile(await readFile(join(root, place, path), 'utf8'))
      if ('message' in parsed) problems.push({ ...parsed, file })
      else items.push({ place, file, item: parsed })
    }
  }
  if (items.length === 0 && problems.length === 0) {
    throw new AppError('bad_request', {
      message: `${root} holds no Backlog.md tasks (looked into ${places.join(', ')}).`,
    })
  }
  const milestones = new Map<string, string>()
  for (const folder of ['milestones', 'archive/milestones']) {
    for (const path of (await filesIn(root, folder)).files.filter(isTaskFile)) {
      const parsed = parseBacklogFile(await readFile(join(root, folder, path), 'utf8'))
      if ('title' in parsed) milestones.set(parsed.id.toLowerCase(), parsed.title)
    }
  }
  const papers = [await readDocuments(root, 'docs'), await readDocuments(root, 'decisions')]
  const { project_name: name, task_prefix: prefix, statuses } = config
  return {
    projectName: typeof name === 'string' && name.trim() !== '' ? name.trim() : basename(root),
    prefix: typeof prefix === 'string' && /^[a-z][a-z0-9]{0,9}$/i.test(prefix) ? prefix.toUpperCase() : 'TASK',
    statuses: Array.isArray(statuses) ? statuses.filter(status => typeof status === 'string') : [],
    items,
    milestones,
    problems: [...problems, ...papers.flatMap(one => one.problems)],
    left: [...left, ...papers.flatMap(one => one.left)],
    documents: papers.flatMap(one => one.documents),
  }
}
