// What people do on their boards, drawn from what their own copy shows: it may be behind, and so may they.
import { type AnyRow, type Mutation, mutation } from '#sync/client/types.ts'
import type { Crew } from '../testing/crew.ts'
import type { Device } from './device.ts'

export interface Draw {
  readonly random: () => number
  readonly crew: Crew
  readonly device: Device
  /** A text that is nowhere else. */
  readonly token: () => string
}

type Make = (draw: Draw) => Mutation | undefined

const pick = <T>({ random }: Draw, list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
const idOf = (row: AnyRow | undefined): string => row?.id as string

const some = (draw: Draw, shape: Parameters<Device['rows']>[0], fits: (row: AnyRow) => boolean = () => true) =>
  pick(draw, draw.device.rows(shape).filter(fits))

const visible = (row: AnyRow): boolean => row.deleted_at === null && row.archived_at === null
const trashed = (row: AnyRow): boolean => row.deleted_at !== null
const archived = (row: AnyRow): boolean => row.archived_at !== null && row.deleted_at === null

const ofSome = (
  draw: Draw,
  shape: Parameters<Device['rows']>[0],
  make: (row: AnyRow, id: string) => Mutation,
  fits?: (row: AnyRow) => boolean,
): Mutation | undefined => {
  const row = some(draw, shape, fits)
  return row && make(row, idOf(row))
}

const labels = ['anchor', 'buoy', 'chain', 'deck', 'eddy', 'fog']
const categories = ['todo', 'active', 'review', 'issue', 'done'] as const
const priorities = ['lowest', 'low', 'medium', 'high', 'highest'] as const

/** Most often a task that the person sees; sometimes one that is put away. */
const task = (draw: Draw, make: (row: AnyRow, id: string) => Mutation) =>
  ofSome(draw, 'tasks', make, draw.random() < 0.85 ? visible : undefined)

const column = (draw: Draw, projectId: unknown) => some(draw, 'task_statuses', row => row.project_id === projectId)

const shuffled = (draw: Draw, rows: readonly AnyRow[]): string[] =>
  rows
    .map(row => ({ id: idOf(row), at: draw.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(one => one.id)

const kinds: readonly (readonly [weight: number, make: Make])[] = [
  [
    14,
    draw => {
      const project = some(draw, 'projects')
      if (!project) return undefined
      const parent = draw.random() < 0.3 ? some(draw, 'tasks', row => row.project_id === project.id) : undefined
      const status = draw.random() < 0.6 ? column(draw, project.id) : undefined
      const above = draw.random() < 0.3 ? some(draw, 'tasks', visible) : undefined
      return mutation('task.create', {
        id: draw.device.client.newId(),
        project_id: idOf(project),
        title: draw.token(),
        ...(parent ? { parent_id: idOf(parent) } : {}),
        ...(status ? { status_id: idOf(status) } : {}),
        ...(above ? { after_id: idOf(above) } : {}),
        ...(draw.random() < 0.3 ? { labels: [pick(draw, labels) ?? 'anchor'] } : {}),
      })
    },
  ],
  [10, draw => task(draw, (_row, id) => mutation('task.update', { id, title: draw.token() }))],
  [4, draw => task(draw, (_row, id) => mutation('task.update', { id, description: draw.token() }))],
  [4, draw => task(draw, (_row, id) => mutation('task.update', { id, priority: pick(draw, priorities) ?? 'low' }))],
  [3, draw => task(draw, (_row, id) => mutation('task.update', { id, story_points: Math.floor(draw.random() * 100) }))],
  [
    6,
    draw =>
      task(draw, (_row, id) => {
        const label = [pick(draw, labels) ?? 'anchor']
        return mutation('task.update', draw.random() < 0.6 ? { id, labels_add: label } : { id, labels_remove: label })
      }),
  ],
  [
    2,
    draw =>
      ofSome(
        draw,
        'tasks',
        (row, id) => mutation('task.update', { id, due_date: '2026-12-24', expected_version: row.version as number }),
        // a row that the server does not know yet has no version
        row => visible(row) && row.version !== 0,
      ),
  ],
  [
    3,
    draw =>
      task(draw, (_row, id) =>
        mutation('task.update', { id, assignee_id: pick(draw, [null, ...draw.crew.people.map(one => one.userId)]) }),
      ),
  ],
  [
    3,
    draw =>
      task(draw, (row, id) => {
        const parent = some(draw, 'tasks', other => other.project_id === row.project_id)
        return mutation('task.update', { id, parent_id: draw.random() < 0.3 ? null : idOf(parent) })
      }),
  ],
  [
    14,
    draw =>
      task(draw, (row, id) => {
        const target = column(draw, row.project_id)
        const anchor = some(draw, 'tasks', other => visible(other) && other.status_id === target?.id)
        const side = draw.random() < 0.5 ? 'after_id' : 'before_id'
        const place =
          anchor && draw.random() < 0.6
            ? { [side]: idOf(anchor) }
            : { position: draw.random() < 0.5 ? ('top' as const) : ('bottom' as const) }
        return mutation('task.move', { id, ...(target ? { status_id: idOf(target) } : {}), ...place })
      }),
  ],
  [3, draw => task(draw, (_row, id) => mutation('task.archive', { id }))],
  [2, draw => ofSome(draw, 'tasks', (_row, id) => mutation('task.unarchive', { id }), archived)],
  [4, draw => task(draw, (_row, id) => mutation('task.delete', { id }))],
  [3, draw => ofSome(draw, 'tasks', (_row, id) => mutation('task.restore', { id }), trashed)],
  [1, draw => ofSome(draw, 'tasks', (_row, id) => mutation('task.purge', { id }), trashed)],
  [
    4,
    draw =>
      task(draw, (_row, id) =>
        mutation('checklist.create', { id: draw.device.client.newId(), task_id: id, title: draw.token() }),
      ),
  ],
  [2, draw => ofSome(draw, 'checklists', (_row, id) => mutation('checklist.update', { id, title: draw.token() }))],
  [1, draw => ofSome(draw, 'checklists', (_row, id) => mutation('checklist.delete', { id }))],
  [
    1,
    draw =>
      ofSome(draw, 'checklists', (row, id) => {
        const other = some(draw, 'checklists', one => one.task_id === row.task_id)
        return mutation('checklist.move', { id, before_id: idOf(other) })
      }),
  ],
  [
    1,
    draw =>
      ofSome(draw, 'checklists', row => {
        const lists = draw.device.rows('checklists').filter(one => one.task_id === row.task_id)
        return mutation('checklist.reorder', { task_id: row.task_id as string, ids: shuffled(draw, lists) })
      }),
  ],
  [
    8,
    draw =>
      ofSome(draw, 'checklists', (_row, id) =>
        mutation('checklist_item.create', {
          id: draw.device.client.newId(),
          checklist_id: id,
          content: draw.token(),
          is_done: draw.random() < 0.3,
        }),
      ),
  ],
  [
    3,
    draw =>
      ofSome(draw, 'checklist_items', (_row, id) => mutation('checklist_item.update', { id, content: draw.token() })),
  ],
  [
    4,
    draw =>
      ofSome(draw, 'checklist_items', (_row, id) =>
        mutation('checklist_item.set_done', { id, is_done: draw.random() < 0.5 }),
      ),
  ],
  [
    2,
    draw =>
      ofSome(draw, 'checklist_items', (row, id) => {
        const list = some(draw, 'checklists', one => one.task_id === row.task_id)
        return mutation('checklist_item.move', { id, ...(list ? { checklist_id: idOf(list) } : {}) })
      }),
  ],
  [
    1,
    draw =>
      ofSome(draw, 'checklist_items', row => {
        const items = draw.device.rows('checklist_items').filter(one => one.checklist_id === row.checklist_id)
        return mutation('checklist_item.reorder', {
          checklist_id: row.checklist_id as string,
          ids: shuffled(draw, items),
        })
      }),
  ],
  [1, draw => ofSome(draw, 'checklist_items', (_row, id) => mutation('checklist_item.delete', { id }))],
  [
    8,
    draw =>
      task(draw, (_row, id) => {
        const parent = draw.random() < 0.3 ? some(draw, 'comments', row => row.task_id === id) : undefined
        return mutation('comment.create', {
          id: draw.device.client.newId(),
          task_id: id,
          body_markdown: draw.token(),
          ...(parent ? { parent_id: idOf(parent) } : {}),
        })
      }),
  ],
  [3, draw => ofSome(draw, 'comments', (_row, id) => mutation('comment.update', { id, body_markdown: draw.token() }))],
  [2, draw => ofSome(draw, 'comments', (_row, id) => mutation('comment.delete', { id }))],
  [
    2,
    draw => {
      const project = some(draw, 'projects')
      return (
        project &&
        mutation('status.create', {
          id: draw.device.client.newId(),
          project_id: idOf(project),
          name: draw.token(),
          category: pick(draw, categories) ?? 'active',
        })
      )
    },
  ],
  [1, draw => ofSome(draw, 'task_statuses', (_row, id) => mutation('status.update', { id, name: draw.token() }))],
  [
    1,
    draw =>
      ofSome(draw, 'task_statuses', (row, id) =>
        mutation('status.move', { id, after_id: idOf(column(draw, row.project_id)) }),
      ),
  ],
  [
    1,
    draw =>
      ofSome(draw, 'task_statuses', (row, id) =>
        mutation('status.delete', { id, target_status_id: idOf(column(draw, row.project_id)) }),
      ),
  ],
  [2, draw => ofSome(draw, 'projects', (_row, id) => mutation('project.update', { id, description: draw.token() }))],
  [
    0.5,
    draw =>
      ofSome(draw, 'projects', (row, id) =>
        mutation(row.archived_at === null ? 'project.archive' : 'project.unarchive', { id }),
      ),
  ],
  [
    1,
    draw =>
      mutation('project.create', {
        id: draw.device.client.newId(),
        application_id: draw.crew.applicationId,
        name: draw.token(),
        key: `K${Math.floor(draw.random() * 1e6)}`,
      }),
  ],
  [1, draw => mutation('application.update', { id: draw.crew.applicationId, description: draw.token() })],
]

const total = kinds.reduce((sum, [weight]) => sum + weight, 0)

const draw1 = (draw: Draw): Mutation => {
  for (;;) {
    let at = draw.random() * total
    const make = kinds.find(([weight]) => (at -= weight) < 0)?.[1]
    const made = make?.(draw)
    if (made) return made
  }
}

/** A transaction: mostly one mutation, sometimes several, sometimes with one at the end that takes all of it back. */
export const drawTransaction = (draw: Draw): Mutation[] => {
  const count = draw.random() < 0.75 ? 1 : 2 + Math.floor(draw.random() * 2)
  const mutations = Array.from({ length: count }, () => draw1(draw))
  if (draw.random() < 0.04) {
    mutations.push(mutation('task.update', { id: draw.device.client.newId(), title: draw.token() }))
  }
  return mutations
}

/** Why a server may refuse what was drawn here: what others did meanwhile, and rights. Everything else is a fault. */
const explained = new Set([
  // gone, or hidden
  'not_found',
  // a viewer, somebody else's comment, a board without a row of one's own
  'forbidden',
  'version_conflict',
  'project_archived',
  'task_archived',
  'not_in_trash',
  'comment_deleted',
  'last_of_category',
  'status_not_empty',
  'limit_reached',
  'key_taken',
])

const explainedIssues = new Set([
  'status_foreign',
  'parent_foreign',
  'parent_trashed',
  'parent_cycle',
  'depth_exceeded',
  'assignee_not_eligible',
  'reply_to_reply',
  'incomplete_list',
  'target_required',
])

/** Is this refusal one that a person would understand? */
export const isExplained = (error: {
  readonly code: string
  readonly details?: Readonly<Record<string, unknown>>
}): boolean => {
  if (error.code !== 'validation_failed') return explained.has(error.code)
  const issues = (error.details?.issues ?? []) as readonly { code: string }[]
  return issues.length > 0 && issues.every(issue => explainedIssues.has(issue.code))
}
