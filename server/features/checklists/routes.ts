// /api/tasks/:id/checklists…, /api/checklists…, /api/checklist-items… (domain rules, section 5.8).
import { z } from 'zod'
import { commandNamed } from '#server/kernel/command.ts'
import type { Reader } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readTaskScope } from '../tasks/read.ts'
import { checklistCommands } from './commands.ts'
import { itemCommands } from './item-commands.ts'
import { checklistColumns, checklistRow, itemColumns } from './schema.ts'

const commands = [...checklistCommands, ...itemCommands]
const command = (name: string) => commandNamed(commands, name)

const listChecklists = async (reader: Reader, taskId: string) => {
  const lists = await reader
    .selectFrom('checklists')
    .select(checklistColumns)
    .where('task_id', '=', taskId)
    .orderBy('rank')
    .orderBy('id')
    .execute()
  const items = await reader
    .selectFrom('checklist_items')
    .select(itemColumns)
    .where('task_id', '=', taskId)
    .orderBy('rank')
    .orderBy('id')
    .execute()
  const byList = Map.groupBy(items, item => item.checklist_id)
  return lists.map(list => ({
    ...list,
    progress_percent: list.total_items === 0 ? 0 : Math.floor((list.completed_items * 100) / list.total_items),
    items: byList.get(list.id) ?? [],
  }))
}

const write = (
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  name: string,
  extra: { readonly params?: Readonly<Record<string, string>>; readonly status?: 201 } = {},
): Route =>
  writeRoute({ method, path, access: 'CONTRIB', summary: command(name).summary, command: command(name), ...extra })

export const checklistRoutes: readonly Route[] = [
  readRoute({
    path: '/api/tasks/:id/checklists',
    access: 'MEMBER',
    summary: 'Checklists of a task in order, with their items.',
    query: z.strictObject({}),
    response: z.object({ data: z.array(checklistRow), next_cursor: z.null() }),
    run: async (context, params) => {
      await readTaskScope(context, must(params.id))
      return { data: await listChecklists(context.reader, must(params.id)), next_cursor: null }
    },
  }),
  write('POST', '/api/tasks/:id/checklists', 'checklist.create', { params: { id: 'task_id' }, status: 201 }),
  write('PUT', '/api/tasks/:id/checklists/reorder', 'checklist.reorder', { params: { id: 'task_id' } }),
  write('PATCH', '/api/checklists/:id', 'checklist.update'),
  write('DELETE', '/api/checklists/:id', 'checklist.delete'),
  write('POST', '/api/checklists/:id/move', 'checklist.move'),
  write('POST', '/api/checklists/:id/items', 'checklist_item.create', { params: { id: 'checklist_id' }, status: 201 }),
  write('PUT', '/api/checklists/:id/items/reorder', 'checklist_item.reorder', { params: { id: 'checklist_id' } }),
  write('PATCH', '/api/checklist-items/:id', 'checklist_item.update'),
  write('DELETE', '/api/checklist-items/:id', 'checklist_item.delete'),
  write('POST', '/api/checklist-items/:id/toggle', 'checklist_item.toggle'),
  write('POST', '/api/checklist-items/:id/move', 'checklist_item.move'),
]
