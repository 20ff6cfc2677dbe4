// From items to an order of creation: ids, parents, numbers, categories.
import { expect, test } from 'vitest'
import type { BacklogFolder, Place, SourceItem } from './folder.ts'
import { parseBacklogFile } from './parse.ts'
import { boardOrder, categoryOfName, labelsOf, numberOf, planItems, titlesOf } from './plan.ts'

const item = (id: string, more = '', place: Place = 'tasks'): SourceItem => {
  const parsed = parseBacklogFile(`---\nid: ${id}\ntitle: T ${id}\n${more}\n---\n`)
  if ('message' in parsed) throw new Error(parsed.message)
  return { place, file: `${place}/${id}.md`, item: parsed }
}
const folder = (...items: SourceItem[]): BacklogFolder => ({
  projectName: 'P',
  prefix: 'P',
  statuses: [],
  items,
  milestones: new Map(),
  problems: [],
  documents: [],
})

test('parents come before children, whole numbers before decimals, also under an older prefix', () => {
  const plan = planItems(
    folder(
      item('B-7.1', 'parent_task_id: task-07'),
      item('B-12'),
      item('B-7'),
      item('B-7.1.1', 'parent_task_id: B-7.1'),
    ),
  )
  expect(plan.items.map(one => [one.externalId, one.parent, one.depth])).toEqual([
    ['B-7', undefined, 0],
    ['B-12', undefined, 0],
    ['B-7.1', 'B-7', 1],
    ['B-7.1.1', 'B-7.1', 2],
  ])
  expect(plan.warnings).toEqual([])
  expect(titlesOf(plan.items)('TASK-12')).toBe('T B-12')
  expect(plan.items.map(one => numberOf(one.item))).toEqual([7, 12, undefined, undefined])
})

test('a missing parent and a loop are warnings and the tasks stand alone; a doubled id keeps both apart', () => {
  const plan = planItems(
    folder(
      item('B-1', 'parent_task_id: B-99'),
      item('B-2', 'parent_task_id: B-3'),
      item('B-3', 'parent_task_id: B-2'),
      item('B-4'),
      item('B-4', '', 'completed'),
    ),
  )
  expect(plan.items.map(one => one.parent)).toEqual([undefined, undefined, undefined, undefined, undefined])
  expect(new Set(plan.items.map(one => one.externalId)).size).toBe(5)
  expect(plan.warnings.map(one => one.message)).toEqual([
    'The id B-4 occurs 2 times.',
    'The id B-4 occurs 2 times.',
    'The parent B-99 cannot be used; the task stands alone.',
    'The parent B-3 cannot be used; the task stands alone.',
    'The parent B-2 cannot be used; the task stands alone.',
  ])
})

test('categories follow names, the board follows ordinals, drafts carry their label', () => {
  expect(['Done', "Won't Do", 'CLOSED', 'cancelled'].map(name => categoryOfName(name, false))).toEqual(
    Array(4).fill('done'),
  )
  expect(categoryOfName('Whatever', true)).toBe('todo')
  expect(categoryOfName('In Review', false)).toBe('active')
  const plan = planItems(
    folder(
      item('B-1', 'ordinal: 30'),
      item('B-2', 'ordinal: 10'),
      item('B-3'),
      item('D-1', 'labels: [Idea]', 'drafts'),
    ),
  )
  expect(boardOrder(plan.items).map(one => one.item.id)).toEqual(['B-2', 'B-1', 'D-1', 'B-3'])
  const draft = plan.items.find(one => one.place === 'drafts')
  expect(draft && labelsOf(draft, new Map())).toEqual(['draft', 'Idea'])
})
