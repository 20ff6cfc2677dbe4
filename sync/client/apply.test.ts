// Effects where the client knows little: it invents no rows, and leaves alone what the server would refuse.
import { expect, test } from 'vitest'
import { applyMutation, bareRow, commandsWithEffect, shapeOfCommand, type View } from './apply.ts'
import type { AnyRow } from './types.ts'

const context = { editedAt: '2026-11-25T10:00:00.000Z', userId: 'me', userName: 'Me' }

const tables = (rows: Readonly<Record<string, readonly AnyRow[]>> = {}) => {
  const all = new Map(
    Object.entries(rows).map(([shape, list]) => [
      shape,
      new Map(list.map(row => [(row.id ?? row.project_id) as string, row])),
    ]),
  )
  const of = (shape: string) => {
    const table = all.get(shape) ?? new Map<string, AnyRow>()
    all.set(shape, table)
    return table
  }
  const view: View = {
    get: (shape, id) => of(shape).get(id),
    rows: shape => of(shape).values(),
    put: (shape, id, row) => void of(shape).set(id, row),
    remove: (shape, id) => void of(shape).delete(id),
  }
  return { view, of, all: () => [...all.values()].flatMap(table => [...table.values()]) }
}

const run = (world: ReturnType<typeof tables>, name: string, args: Record<string, unknown>) =>
  applyMutation(world.view, { name, args }, context)

const project = { id: 'p', application_id: 'app', archived_at: null, derived_status: 'todo', override_status: null }
const todo = { id: 's1', project_id: 'p', application_id: 'app', category: 'todo', rank: 'a0' }
const done = { id: 's2', project_id: 'p', application_id: 'app', category: 'done', rank: 'a1' }
const counts = {
  project_id: 'p',
  total_tasks: 0,
  todo_tasks: 0,
  done_tasks: 0,
  archived_tasks: 0,
  archived_done_tasks: 0,
}
const card = (id: string, more = {}): AnyRow => ({
  id,
  project_id: 'p',
  status_id: 's1',
  rank: `a${id}`,
  parent_id: null,
  depth: 0,
  deleted_at: null,
  archived_at: null,
  trash_root_id: null,
  ...more,
})

test('without rows to change, no command makes any; only what begins by itself does', () => {
  const beginnings = ['application.create', 'project.create']
  for (const name of commandsWithEffect.filter(one => !beginnings.includes(one))) {
    const world = tables()
    run(world, name, { id: 'x', task_id: 't', checklist_id: 'c', project_id: 'p', ids: ['x'], status: 'done' })
    expect([name, world.all()]).toEqual([name, []])
  }
})

test('a creation without an id of the client’s has no effect', () => {
  for (const name of commandsWithEffect.filter(one => one.endsWith('.create'))) {
    const world = tables({ projects: [project], task_statuses: [todo], tasks: [card('t')], checklists: [{ id: 'c' }] })
    const before = world.all().length
    run(world, name, { project_id: 'p', task_id: 't', checklist_id: 'c', name: 'x', title: 'x' })
    expect([name, world.all().length]).toEqual([name, before])
  }
})

test('a command that nobody knows has no effect and no home', () => {
  const world = tables({ tasks: [card('t')] })
  run(world, 'task.fly', { id: 't' })
  expect(world.all()).toEqual([card('t')])
  expect(shapeOfCommand('kite.fly')).toBeUndefined()
})

test('6.10 6.11 cards move the counters of board and parent, and the status of the project', () => {
  const world = tables({
    projects: [project],
    project_aggregates: [counts],
    task_statuses: [todo, done],
    tasks: [card('parent', { subtask_total: 0, subtask_done: 0 })],
  })
  const look = () => [world.of('project_aggregates').get('p'), world.of('projects').get('p')?.effective_status]
  run(world, 'task.create', { id: 'one', project_id: 'p', title: 'x', parent_id: 'parent', status_id: 's2' })
  expect(look()).toMatchObject([{ total_tasks: 1, done_tasks: 1 }, 'done'])
  expect(world.of('tasks').get('parent')).toMatchObject({ subtask_total: 1, subtask_done: 1 })
  run(world, 'task.move', { id: 'one', status_id: 's1' })
  expect(look()).toMatchObject([{ total_tasks: 1, todo_tasks: 1, done_tasks: 0 }, 'todo'])
  run(world, 'task.delete', { id: 'one' })
  expect(look()).toMatchObject([{ total_tasks: 0, todo_tasks: 0 }, 'todo'])
  expect(world.of('tasks').get('parent')).toMatchObject({ subtask_total: 0, subtask_done: 0 })
})

test('6.12 an override holds until it expires', () => {
  const over = { ...project, override_status: 'issue', override_expires_at: '2026-11-25T09:00:00.000Z' }
  const world = tables({ projects: [over], project_aggregates: [counts], task_statuses: [todo, done] })
  run(world, 'task.create', { id: 'one', project_id: 'p', title: 'x', status_id: 's2' })
  expect(world.of('projects').get('p')).toMatchObject({ derived_status: 'done', effective_status: 'done' })
  world.view.put('projects', 'p', { ...over, override_expires_at: '2026-11-25T11:00:00.000Z' })
  run(world, 'task.move', { id: 'one', status_id: 's1' })
  expect(world.of('projects').get('p')).toMatchObject({ derived_status: 'todo', effective_status: 'issue' })
})

test('a column is not taken away under its cards', () => {
  const world = tables({ task_statuses: [todo, done], tasks: [card('t')] })
  run(world, 'status.delete', { id: 's1' })
  expect(world.of('task_statuses').has('s1')).toBe(true)
  run(world, 'status.delete', { id: 's1', target_status_id: 's2' })
  expect(world.of('tasks').get('t')).toMatchObject({ status_id: 's2', completed_at: context.editedAt })
  expect(world.of('task_statuses').has('s1')).toBe(false)
})

test('an order that does not name exactly the present rows changes nothing', () => {
  const lists = ['c1', 'c2'].map(id => ({ id, task_id: 't', rank: id }))
  const world = tables({ checklists: lists })
  for (const ids of [['c2'], ['c2', 'c1', 'c3'], ['c2', 'c2'], 'c2'])
    run(world, 'checklist.reorder', { task_id: 't', ids })
  expect(world.all()).toEqual(lists)
})

test('the row of an answer is its columns alone', () => {
  expect(bareRow({ id: 'p', my_project_role: 'admin', statuses: [], aggregate: {}, my_role: 'owner' })).toEqual({
    id: 'p',
  })
})
