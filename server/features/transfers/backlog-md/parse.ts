// One Backlog.md task file → what Skerry makes of it. Pure: text in, item or problem out (domain rules, section 5.15).
import { listField as list, type ParseProblem, splitFrontMatter, textField as text } from '../front-matter.ts'

export interface BacklogChecklist {
  readonly title: string
  readonly items: readonly { readonly content: string; readonly done: boolean }[]
}

/** Fields of the front matter that are read here. */
const known = [
  'id',
  'title',
  'status',
  'type',
  'priority',
  'assignee',
  'reporter',
  'labels',
  'milestone',
  'parent_task_id',
  'dependencies',
  'references',
  'documentation',
  'ordinal',
  'created_date',
  'updated_date',
  'completed_date',
  'due_date',
]

export interface BacklogItem {
  readonly id: string
  readonly title: string
  readonly status: string | undefined
  readonly type: string | undefined
  readonly priority: string | undefined
  readonly assignees: readonly string[]
  readonly reporter: string | undefined
  readonly labels: readonly string[]
  readonly milestone: string | undefined
  readonly parentId: string | undefined
  readonly dependencies: readonly string[]
  readonly references: readonly string[]
  readonly ordinal: number | undefined
  readonly createdAt: Date | undefined
  readonly updatedAt: Date | undefined
  readonly completedAt: Date | undefined
  readonly dueDate: string | undefined
  /** Markdown without the checkbox lists. */
  readonly description: string
  readonly checklists: readonly BacklogChecklist[]
  /** Names of the fields that say something and are not read. */
  readonly unused: readonly string[]
}

/** `2025-08-17 16:54` and `2025-08-17` are UTC. */
const instant = (value: unknown): Date | undefined => {
  const found = text(value)
  const match = found && /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}:\d{2})(?::\d{2})?)?/.exec(found)
  if (!match) return undefined
  const date = new Date(`${match[1]}T${(match[2] ?? '00:00').padStart(5, '0')}:00Z`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

const checkbox = /^\s*[-*]\s+\[([ xX])\]\s+(?:#\d+\s+)?(.*)$/
const marker = /^\s*<!--.*-->\s*$/

interface Section {
  readonly title: string
  readonly lines: string[]
}

/** Cuts the body at its `##` headings, outside of code fences. */
const sections = (body: string): Section[] => {
  const found: Section[] = [{ title: '', lines: [] }]
  let fence: string | undefined
  for (const line of body.split('\n')) {
    const mark = /^\s*(```|~~~)/.exec(line)?.[1]
    if (mark) fence = fence === undefined ? mark : fence === mark ? undefined : fence
    const heading = fence === undefined ? /^##\s+(.*)$/.exec(line) : null
    if (heading) found.push({ title: heading[1]?.trim() ?? '', lines: [] })
    else found.at(-1)?.lines.push(line)
  }
  return found
}

const readBody = (body: string): { description: string; checklists: BacklogChecklist[] } => {
  const parts: string[] = []
  const checklists: BacklogChecklist[] = []
  for (const { title, lines } of sections(body)) {
    const items: { content: string; done: boolean }[] = []
    const prose: string[] = []
    let fence = false
    let open: { content: string; done: boolean } | undefined
    for (const line of lines) {
      if (/^\s*(```|~~~)/.test(line)) fence = !fence
      const box = fence ? null : checkbox.exec(line)
      if (box) {
        open = { content: box[2]?.trim() ?? '', done: box[1] !== ' ' }
        if (open.content !== '') items.push(open)
      } else if (open && /^\s{2,}\S/.test(line) && !fence) {
        open.content += `\n${line.trim()}`
      } else {
        open = undefined
        if (!marker.test(line)) prose.push(line)
      }
    }
    if (items.length > 0) checklists.push({ title: title === '' ? 'Checklist' : title, items })
    const rest = prose.join('\n').trim()
    if (rest !== '') parts.push(title === '' || title === 'Description' ? rest : `## ${title}\n\n${rest}`)
  }
  return { description: parts.join('\n\n'), checklists }
}

/** The item in `source`, or what is wrong with it and on which line. */
export const parseBacklogFile = (source: string): BacklogItem | ParseProblem => {
  const split = splitFrontMatter(source)
  if ('message' in split) return split
  const { fields, body } = split
  const id = text(fields.id)
  const title = text(fields.title)
  if (id === undefined || title === undefined) {
    return { line: 1, message: `The front matter has no ${id === undefined ? 'id' : 'title'}.` }
  }
  const ordinal = Number(fields.ordinal)
  return {
    id: id.toUpperCase(),
    title,
    status: text(fields.status),
    type: text(fields.type),
    priority: text(fields.priority),
    assignees: list(fields.assignee),
    reporter: list(fields.reporter)[0],
    labels: list(fields.labels),
    milestone: text(fields.milestone),
    parentId: text(fields.parent_task_id)?.toUpperCase(),
    dependencies: list(fields.dependencies).map(one => one.toUpperCase()),
    references: [...list(fields.references), ...list(fields.documentation)],
    ordinal: fields.ordinal !== undefined && Number.isFinite(ordinal) ? ordinal : undefined,
    createdAt: instant(fields.created_date),
    updatedAt: instant(fields.updated_date),
    completedAt: instant(fields.completed_date),
    dueDate: instant(fields.due_date)?.toISOString().slice(0, 10),
    ...readBody(body),
    unused: Object.keys(fields).filter(name => !known.includes(name) && list(fields[name]).length > 0),
  }
}
