// From items to an order of creation: ids, parents, numbers, categories.
import { expect, test } from 'vitest'
import type { BacklogFolder, Place, SourceItem } from './folder.ts'
import { parseBacklogFile } from './parse.ts'
import { boardOrder, categoryOfName, describe, labelsOf, ownNumberOf, planItems, titlesOf } from './plan.ts'

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
  left: [],
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
  expect(plan.items.map(ownNumberOf)).toEqual([7, 12, undefined, undefined])
})

test('a missing parent and a loop are warnings and the tasks stand alone; a doubled id keeps both apart', () => {
  const plan = planItems(
    folder(
      item('B-1', 'parent_task_id: B-99'),
      item('B-2', 'parent_task_id: B-3'),
      item('B-3', 'parent_task_id: B-2'),
      item('B-4', '', 'archive/tasks'),
      item('B-4', '', 'completed'),
    ),
  )
  // the one that is less put away comes first, and keeps the number
  expect(plan.items.slice(-2).map(one => one.place)).toEqual(['completed', 'archive/tasks'])
  expect(plan.items.map(one => one.parent)).toEqual([undefined, undefined, undefined, undefined, undefined])
  expect(new Set(plan.items.map(one => one.externalId)).size).toBe(5)
  expect(plan.warnings.map(one => one.detail)).toEqual(['B-99', 'B-3', 'B-2'])
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

test('a description names the id where the key is another, and is cut before it', () => {
  const [short, long] = [item('B-7.1'), item('B-8')]
  expect(describe(short, () => undefined, 'B-7.1')).toBe('')
  expect(describe(short, () => undefined, 'B-12')).toBe('Imported as B-7.1.')
  const text = { ...long, item: { ...long.item, description: 'x'.repeat(200_000) } }
  expect(describe(text, () => undefined, 'B-8')).toHaveLength(102_400)
  expect(describe(text, () => undefined, 'B-9')).toMatch(/^x{102382}\n\nImported as B-8\.$/)
})
