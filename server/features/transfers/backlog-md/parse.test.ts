// Single files: what becomes of each part, and how what is wrong is named.
import { expect, test } from 'vitest'
import type { ParseProblem } from '../front-matter.ts'
import { type BacklogItem, parseBacklogFile } from './parse.ts'

const parsed = (text: string): BacklogItem => {
  const found = parseBacklogFile(text)
  if ('message' in found) throw new Error(found.message)
  return found
}
const problem = (text: string): ParseProblem => {
  const found = parseBacklogFile(text)
  if (!('message' in found)) throw new Error('this should be a problem')
  return found
}

test('front matter, sections and checklists', () => {
  const item = parsed(`---
id: back-7.01
title: 'Tide: tables'
status: In Progress
assignee:
  - '@maintainer'
reporter: @maintainer
created_date: '2025-08-17 16:54'
updated_date: 2025-08-18
labels: [web, docs]
dependencies:
  - task-3
parent_task_id: back-7
priority: high
ordinal: 6000
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
Text.
<!-- SECTION:DESCRIPTION:END -->

## Acceptance Criteria
<!-- AC:BEGIN -->
- [x] #1 First
- [ ] #2 Second
  goes on
<!-- AC:END -->

## Notes

\`\`\`
- [ ] no item
\`\`\`
`)
  expect(item).toMatchObject({
    id: 'BACK-7.01',
    title: 'Tide: tables',
    status: 'In Progress',
    assignees: ['@maintainer'],
    reporter: '@maintainer',
    labels: ['web', 'docs'],
    dependencies: ['TASK-3'],
    parentId: 'BACK-7',
    ordinal: 6000,
    createdAt: new Date('2025-08-17T16:54:00Z'),
    updatedAt: new Date('2025-08-18T00:00:00Z'),
  })
  expect(item.description).toBe('Text.\n\n## Notes\n\n```\n- [ ] no item\n```')
  expect(item.checklists).toEqual([
    {
      title: 'Acceptance Criteria',
      items: [
        { content: 'First', done: true },
        { content: 'Second\ngoes on', done: false },
      ],
    },
  ])
})

test('what is wrong is named with its line in the file', () => {
  expect(problem('no front matter')).toMatchObject({ line: 1 })
  expect(problem('---\nid: X-1\n')).toMatchObject({ line: 1, message: expect.stringContaining('no end') })
  expect(problem('---\nid: X-1\ntitle: [open\nstatus: x\n---\n')).toMatchObject({
    line: expect.toSatisfy((line: number) => line >= 3 && line <= 5),
    message: expect.stringContaining('not valid YAML'),
  })
  expect(problem('---\ntitle: x\nlabels: [a, b\nstatus: y\n---\n')).toEqual({
    line: 4,
    message:
      'The front matter is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ].',
  })
  expect(problem('---\nid: X-1\nid: X-2\ntitle: t\n---\n')).toMatchObject({ line: 3 })
  expect(problem('---\nid: X-1\n---\n').message).toContain('no title')
  expect(problem('---\n- a\n---\n').message).toContain('not a list of fields')
  expect(problem('---\nid: X-1\ntitle: t\nglobs: *.ts\n---\n')).toEqual({
    line: 4,
    message: 'The front matter is not valid YAML: *.ts stands for nothing; text that begins with a star needs quotes.',
  })
  const bomb = Array.from(
    { length: 6 },
    (_, level) => `${'bcdefg'[level]}: &${'bcdefg'[level]} [${`*${'abcdef'[level]},`.repeat(9)}]`,
  )
  expect(problem(`---\na: &a [x]\n${bomb.join('\n')}\n---\n`).message).toContain('alias')
  expect(problem('---\n---\n').message).toContain('no id')
})
