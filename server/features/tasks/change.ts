// task.update and task.move: one merge over fields, labels, column and rank (domain rules, sections 4, 6 and 7).
import { fieldEdits, openClock, recordMerge, type RowMerge } from '#server/kernel/clocks.ts'
import { type CommandResult, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { invalidAt } from '#server/kernel/errors.ts'
import type { UnitEdit } from '#server/kernel/merge.ts'
import { must } from '#server/kernel/must.ts'
import type { PlacementRequest } from '#server/kernel/placement.ts'
import { isEmptyChange } from '#server/kernel/schemas.ts'
import { type LockedProject, lockProject, watchingStatus } from '../projects/open.ts'
import type { Category } from '../projects/schema.ts'
import { hasPlacement, rankInColumn } from './column.ts'
import {
  categoryOf,
  type LockedTask,
  lockStatus,
  type OpenTask,
  openBoardTask,
  openTask,
  recordOf,
  requireEditable,
  requireEligible,
  requireParent,
  requireReporter,
} from './open.ts'
import { announceChange } from './notices.ts'
import { moveInput, taskColumns, type UpdateInput, updateInput, taskRow } from './schema.ts'

const fields = [
  'title',
  'description',
  'task_type',
  'priority',
  'assignee_id',
  'reporter_id',
  'parent_id',
  'story_points',
  'due_date',
] as const

const labelEdits = (input: UpdateInput, task: LockedTask): UnitEdit[] => {
  const present = new Map(task.labels.map(label => [label.toLowerCase(), label]))
  const wanted = new Map<string, { label: string; set: boolean }>()
  const want = (list: readonly string[] | undefined, set: boolean) => {
    for (const label of list ?? []) wanted.set(label.toLowerCase(), { label, set })
  }
  if (input.labels) {
    const kept = new Set(input.labels.map(label => label.toLowerCase()))
    want(
      task.labels.filter(label => !kept.has(label.toLowerCase())),
      false,
    )
    want(
      input.labels.filter(label => !present.has(label.toLowerCase())),
      true,
    )
  }
  want(input.labels_add, true)
  want(input.labels_remove, false)
  return [...wanted].map(([key, { label, set }]) => ({
    unit: `label:${key}`,
    field: `labels.${label}`,
    value: set,
    current: present.has(key),
  }))
}

/** The label list after the applied edits, or undefined when none of them changed it. */
const mergedLabels = (merged: RowMerge, task: LockedTask): string[] | undefined => {
  const edits = merged.changed.filter(edit => edit.unit.startsWith('label:'))
  if (edits.length === 0) return undefined
  const removed = new Set(edits.filter(edit => edit.value === false).map(edit => edit.unit.slice(6)))
  const added = edits.filter(edit => edit.value === true).map(edit => edit.field.slice('labels.'.length))
  const list = [...task.labels.filter(label => !removed.has(label.toLowerCase())), ...added]
  if (list.length > 20) throw invalidAt('labels', 'too_long', 'At most 20 labels.')
  return list
}

interface Move {
  readonly statusId: string | undefined
  readonly placement: PlacementRequest
}

/** The rank as an edit; `movedTo` names the new column when the card changes it. */
const rankEdit = async (
  context: WriteContext,
  task: LockedTask,
  move: Move,
  movedTo: string | undefined,
): Promise<UnitEdit[]> => {
  if (movedTo === undefined && !hasPlacement(move.placement)) return []
  const column = movedTo ?? task.status_id
  const rank = await rankInColumn(context, column, task.id, move.placement, movedTo !== undefined)
  return rank === undefined ? [] : [{ unit: 'rank', field: 'rank', value: rank, current: task.rank }]
}

/** Rules on the merged row (section 7, rule 5): what breaks one is rejected whole. */
const requireRules = async (
  context: WriteContext,
  { project, task }: OpenTask,
  changed: ReadonlyMap<string, unknown>,
  before: Category,
  after: Category,
): Promise<void> => {
  const value = <T>(unit: string, present: T): T => (changed.has(unit) ? (changed.get(unit) as T) : present)
  const assignee = value('assignee_id', task.assignee_id)
  const parent = value('parent_id', task.parent_id)
  const leavesDone = before === 'done' && after !== 'done'
  if (assignee !== null && (changed.has('assignee_id') || leavesDone)) await requireEligible(context, project, assignee)
  const asks = changed.has('assignee_id') || changed.has('status_id')
  if (project.require_assignee && asks && after !== 'todo' && assignee === null) {
    throw invalidAt('assignee_id', 'assignee_required', 'Outside todo a task of this project needs an assignee.')
  }
  const reporter = value('reporter_id', task.reporter_id)
  if (changed.has('reporter_id') && reporter !== null) await requireReporter(context, project, reporter)
  if (changed.has('parent_id') && parent !== null) await requireParent(context, project, parent, task.id)
  const touchesType = changed.has('task_type') || changed.has('parent_id')
  if (touchesType && value('task_type', task.task_type) === 'subtask' && parent === null) {
    throw invalidAt('parent_id', 'subtask_requires_parent', 'A subtask needs a parent.')
  }
}

const change = async (
  context: WriteContext,
  open: OpenTask,
  edits: readonly UnitEdit[],
  move: Move,
): Promise<CommandResult> => {
  const { project, task } = open
  const [clock, before] = await Promise.all([openClock(context, 'task', task), categoryOf(context, task.status_id)])
  const target = move.statusId === undefined ? undefined : await lockStatus(context, project, move.statusId)
  const changesColumn = target !== undefined && target.id !== task.status_id
  requireEditable(context, open, before, changesColumn)
  const column = clock.merge(
    target ? [{ unit: 'status_id', field: 'status_id', value: target.id, current: task.status_id }] : [],
  )
  const moves = column.changed.length > 0 && target !== undefined
  // a rank goes with its column change: wins with it, is lost with it
  const rankEdits = changesColumn && !moves ? [] : await rankEdit(context, task, move, moves ? target.id : undefined)
  const ranked = clock.merge(rankEdits, moves)
  const rest = clock.merge(edits)
  clock.save()
  const changed = [...column.changed, ...ranked.changed, ...rest.changed]
  const superseded = [...column.superseded, ...ranked.superseded, ...rest.superseded]
  const after = moves ? target.category : before
  await requireRules(context, open, new Map(changed.map(edit => [edit.unit, edit.value])), before, after)
  const set: Record<string, unknown> = {}
  for (const edit of changed) if (!edit.unit.startsWith('label:')) set[edit.unit] = edit.value
  const labels = mergedLabels(rest, task)
  if (labels) set.labels = labels
  if (after === 'done' && before !== 'done') set.completed_at = context.stamp.editedAt
  if (after !== 'done' && before === 'done') set.completed_at = null
  let row: LockedTask = task
  if (Object.keys(set).length > 0) {
    const write = () =>
      context.tx
        .updateTable('tasks')
        .set(set)
        .where('id', '=', task.id)
        .returning(taskColumns)
        .executeTakeFirstOrThrow()
    row = before === after ? await write() : await watchingStatus(context, await lockedProject(context, open), write)
    announceChange(context, { before: task, after: row }, changed, moves ? target.name : undefined)
    context.touch('tasks')
    if (before !== after) context.touch('project_aggregates')
  }
  recordMerge(context, recordOf(task), { changed, superseded })
  return { data: row, superseded }
}

/** A change of column was opened with its project; see `updateTask`. */
const lockedProject = async (context: WriteContext, { project }: OpenTask): Promise<LockedProject> =>
  must(await lockProject(context, project.id), 'project')

const touchesBoard = (input: UpdateInput): boolean => input.status_id !== undefined || input.parent_id !== undefined

export const updateTask = defineCommand({
  name: 'task.update',
  summary: 'Changes fields of a card, each on its own: the later edit of a field wins.',
  access: 'CONTRIB',
  input: updateInput,
  output: taskRow,
  inTransactions: true,
  // a change of column or parent reads other cards
  lane: input => (touchesBoard(input) ? undefined : `task/${input.id.toLowerCase()}`),
  run: async (context, input) => {
    if (isEmptyChange(input, [...fields, 'status_id', 'labels', 'labels_add', 'labels_remove'])) {
      throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    }
    const open = await (touchesBoard(input) ? openBoardTask : openTask)(context, input.id, 'write')
    const edits = [...fieldEdits(input, open.task, fields), ...labelEdits(input, open.task)]
    return change(context, open, edits, { statusId: input.status_id, placement: {} })
  },
})

export const moveTask = defineCommand({
  name: 'task.move',
  summary: 'Moves a card to a column and a place in it.',
  access: 'CONTRIB',
  input: moveInput,
  output: taskRow,
  inTransactions: true,
  run: async (context, input) => {
    const { id, status_id: statusId, expected_version: _version, ...placement } = input
    if (statusId === undefined && !hasPlacement(placement)) {
      throw invalidAt('', 'nothing_to_change', 'Name a status, an anchor, a position or a rank.')
    }
    const open = await openBoardTask(context, id, 'write')
    return change(context, open, [], { statusId, placement })
  },
})
