// `skerry import backlog-md`: tasks, docs and decisions of a Backlog.md folder into a project, through the same commands as any other
// write. One transaction a task; a task that was imported before is left alone, so a second run changes nothing.
import type { Database } from '#server/kernel/database.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { freshRanks, rankBetween } from '#server/kernel/rank.ts'
import { categoryColors } from '../../statuses/create.ts'
import type { Category } from '../../projects/schema.ts'
import { createImporter, cutTo, type ImportDeps, type Importer, type ImportNote, reasonOf } from '../importer.ts'
import { type DocumentsReport, importDocuments } from '../markdown/import.ts'
import { type BacklogFolder, readBacklogFolder } from './folder.ts'
import { describeRenumbered, numbersFor, type NumberedTask } from './numbers.ts'
import { insteadOf, peopleOf } from './people.ts'
import {
  boardOrder,
  categoryOfName,
  describe,
  labelsOf,
  type PlannedItem,
  planItems,
  priorityOf,
  statusKey,
  taskTypeOf,
  titlesOf,
} from './plan.ts'

export interface ImportOptions {
  readonly folder: string
  readonly applicationId: string
  /** Who imports: owner or editor of the application; also takes unfinished tasks whose person is unknown. */
  readonly userId: string
  readonly onProgress?: (done: number, total: number) => void
}

export interface ImportReport {
  readonly projectId: string
  readonly projectKey: string
  readonly created: number
  readonly skipped: number
  readonly failed: number
  readonly checklists: number
  readonly checklistItems: number
  readonly warnings: readonly ImportNote[]
  readonly errors: readonly ImportNote[]
  /** Docs and decisions, as documents of the project; their errors and warnings stand above. */
  readonly documents: Omit<DocumentsReport, 'warnings' | 'errors'>
}

const source = 'backlog_md'

const projectStatuses = (folder: BacklogFolder) => {
  const names = folder.statuses.length > 0 ? folder.statuses : ['To Do', 'In Progress', 'Done']
  const list = names.map((name, index) => ({ name: cutTo(name, 50), category: categoryOfName(name, index === 0) }))
  if (!list.some(one => one.category === 'todo')) list.unshift({ name: 'To Do', category: 'todo' })
  if (!list.some(one => one.category === 'done')) list.push({ name: 'Done', category: 'done' })
  return list
}

const freeKey = async (database: Database, applicationId: string, prefix: string): Promise<string> => {
  const rows = await database.read(reader =>
    reader.selectFrom('projects').select('key').where('application_id', '=', applicationId).execute(),
  )
  const taken = new Set(rows.map(row => row.key))
  for (let n = 1; ; n += 1) {
    const key = n === 1 ? prefix : `${prefix.slice(0, 10 - String(n).length)}${n}`
    if (!taken.has(key)) return key
  }
}

const ensureProject = async (importer: Importer, deps: ImportDeps, options: ImportOptions, folder: BacklogFolder) => {
  const known = (await importer.known(options.applicationId)).get(folder.projectName)?.id
  if (known) {
    const row = await deps.database.read(reader =>
      reader.selectFrom('projects').select(['id', 'key']).where('id', '=', known).executeTakeFirst(),
    )
    if (row) return row
  }
  const id = uuid7()
  const key = await freeKey(deps.database, options.applicationId, folder.prefix)
  await importer.run([
    importer.command('project.create', {
      id,
      application_id: options.applicationId,
      name: cutTo(folder.projectName, 255),
      key,
      statuses: projectStatuses(folder),
    }),
    ...(known
      ? []
      : [
          importer.note({
            containerId: options.applicationId,
            externalId: folder.projectName,
            type: 'project',
            id,
          }),
        ]),
  ])
  return { id, key }
}

interface Status {
  readonly id: string
  readonly category: Category
}

/** Status by name for every item; names that the board does not have become new columns. */
const ensureStatuses = async (
  importer: Importer,
  deps: ImportDeps,
  projectId: string,
  items: readonly PlannedItem[],
): Promise<(item: PlannedItem) => Status> => {
  const load = async () =>
    deps.database.read(reader =>
      reader
        .selectFrom('task_statuses')
        .select(['id', 'name', 'category'])
        .where('project_id', '=', projectId)
        .orderBy('rank')
        .orderBy('id')
        .execute(),
    )
  let statuses = await load()
  const has = (name: string) => statuses.some(status => statusKey(status.name) === statusKey(name))
  for (const { item, place } of items) {
    if (item.status === undefined || place.endsWith('drafts') || has(item.status)) continue
    const category = categoryOfName(item.status, false)
    await importer.run([
      importer.command('status.create', {
        project_id: projectId,
        name: cutTo(item.status, 50),
        category,
        color: categoryColors[category],
      }),
    ])
    statuses = await load()
  }
  const todo = must(statuses.find(status => status.category === 'todo'))
  return ({ item, place }) => {
    const name = place.endsWith('drafts') ? undefined : item.status
    const found = name === undefined ? todo : statuses.find(status => statusKey(status.name) === statusKey(name))
    const { id, category } = found ?? todo
    return { id, category: category as Category }
  }
}

/** Ranks that put new cards of each column below those that are there, in board order. */
const planRanks = async (
  deps: ImportDeps,
  projectId: string,
  items: readonly PlannedItem[],
  statusOf: (item: PlannedItem) => Status,
): Promise<Map<PlannedItem, string>> => {
  const last = await deps.database.read(reader =>
    reader
      .selectFrom('tasks')
      .select(['status_id', ({ fn }) => fn.max('rank').as('rank')])
      .where('project_id', '=', projectId)
      .groupBy('status_id')
      .execute(),
  )
  const ranks = new Map<PlannedItem, string>()
  for (const [statusId, list] of Map.groupBy(items, item => statusOf(item).id)) {
    let above = last.find(row => row.status_id === statusId)?.rank ?? undefined
    const fresh = above === undefined ? freshRanks(list.length, deps.mutation.random) : undefined
    for (const [index, item] of boardOrder(list).entries()) {
      above = fresh?.[index] ?? must(rankBetween(above, undefined, deps.mutation.random))
      ranks.set(item, above)
    }
  }
  return ranks
}

/**
 * Imports `options.folder`. Rejects when the folder is none, or the person may not import there; what is wrong with
 * single files stands in the report, and the rest goes on.
 */
export const importBacklogMd = async (deps: ImportDeps, options: ImportOptions): Promise<ImportReport> => {
  const folder = await readBacklogFolder(options.folder)
  const plan = planItems(folder)
  const { applicationId, userId } = options
  const importer = await createImporter(deps, { source, applicationId, userId })
  const project = await ensureProject(importer, deps, options, folder)
  const known = await importer.known(project.id)
  const fresh = plan.items.filter(item => !known.has(item.externalId))
  const statusOf = await ensureStatuses(importer, deps, project.id, fresh)
  const ranks = await planRanks(deps, project.id, fresh, statusOf)
  const personOf = await peopleOf(deps, options.applicationId, project.id)
  const numbers = await numbersFor(deps, project.id, plan.items)
  const titleOf = titlesOf(plan.items)
  const warnings: ImportNote[] = [...plan.warnings, ...folder.left]
  const errors: ImportNote[] = [...folder.problems]
  const ids = new Map(Array.from(known, ([externalId, row]) => [externalId, row.id]))
  const counts = { created: 0, checklists: 0, checklistItems: 0 }

  const assigneeOf = (item: PlannedItem): string | undefined => {
    const named = item.item.assignees.map(personOf).find(one => one?.eligible)
    if (named) return named.userId
    if (statusOf(item).category === 'todo') return undefined
    warnings.push({ file: item.file, ...insteadOf(item.item.assignees, personOf, importer.person) })
    return options.userId
  }

  for (const [index, planned] of fresh.entries()) {
    const { item, place } = planned
    const id = uuid7()
    const status = statusOf(planned)
    const parentId = planned.parent === undefined ? undefined : ids.get(planned.parent)
    const finished = item.completedAt ?? item.updatedAt ?? item.createdAt
    const putAway = place === 'completed' || place.startsWith('archive/')
    const assignee = assigneeOf(planned)
    const reporter = personOf(item.reporter)?.userId
    const number = numbers.next(planned)
    const key = `${project.key}-${number}`
    try {
      const mutations = [
        importer.command('task.create', {
          id,
          project_id: project.id,
          title: cutTo(item.title, 500),
          description: describe(planned, titleOf, key) || null,
          task_type: parentId === undefined && taskTypeOf(planned) === 'subtask' ? 'task' : taskTypeOf(planned),
          priority: priorityOf(planned),
          status_id: status.id,
          rank: must(ranks.get(planned)),
          labels: labelsOf(planned, folder.milestones),
          ...(parentId === undefined ? {} : { parent_id: parentId }),
          ...(assignee === undefined ? {} : { assignee_id: assignee }),
          ...(reporter === undefined ? {} : { reporter_id: reporter }),
          number,
          ...(item.dueDate === undefined ? {} : { due_date: item.dueDate }),
          ...(item.createdAt ? { created_at: item.createdAt.toISOString() } : {}),
          ...(finished && status.category === 'done' ? { completed_at: finished.toISOString() } : {}),
          // the folder does not say when: not before its last change
          ...(putAway ? { archived_at: (item.updatedAt ?? finished ?? new Date()).toISOString() } : {}),
        }),
        ...(key === item.id
          ? [
              {
                command: describeRenumbered,
                input: { id, expected_key: key, description: describe(planned, titleOf, '') },
              },
            ]
          : []),
        ...item.checklists.map(list =>
          importer.command('checklist.create', {
            task_id: id,
            title: cutTo(list.title, 255),
            items: list.items.map(one => ({ content: cutTo(one.content, 10_000), is_done: one.done })),
          }),
        ),
        importer.note({ containerId: project.id, externalId: planned.externalId, type: 'task', id }),
      ]
      const [task] = await importer.run(mutations)
      const renumbered = numbers.settle(planned, task as NumberedTask)
      if (renumbered) warnings.push(renumbered)
      ids.set(planned.externalId, id)
      counts.created += 1
      counts.checklists += item.checklists.length
      counts.checklistItems += item.checklists.reduce((sum, list) => sum + list.items.length, 0)
    } catch (error) {
      errors.push({ file: planned.file, message: reasonOf(error) })
    }
    options.onProgress?.(index + 1, fresh.length)
  }
  const target = { scope: 'project', scopeId: project.id, applicationId } as const
  const written = await importDocuments(deps, importer, { target, sources: folder.documents, root: '' })
  warnings.push(...written.warnings)
  errors.push(...written.errors)
  const { warnings: _warnings, errors: _errors, ...documents } = written
  return {
    projectId: project.id,
    projectKey: project.key,
    skipped: plan.items.length - fresh.length,
    failed: errors.length,
    ...counts,
    warnings,
    errors,
    documents,
  }
}
