// Locks of documents (domain rules, section 8.5).
import { z } from 'zod'
import { type AnyCommand, commandNamed } from '#server/kernel/command.ts'
import type { Feature } from '#server/kernel/feature.ts'
import { must } from '#server/kernel/must.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { lockOf } from '../documents/queries.ts'
import { readDocument } from '../documents/read.ts'
import { kbShapes } from '../documents/shape.ts'
import { lockCommands, type LockSettings } from './commands.ts'
import { lockColumns, lockState } from './schema.ts'

const routes = (commands: readonly AnyCommand[]): readonly Route[] => {
  const write = (name: string, method: 'POST' | 'DELETE', path: string) => {
    const command = commandNamed(commands, name)
    const { access, summary } = command
    return writeRoute({ method, path, access, summary, command, params: { id: 'document_id' } })
  }
  return [
    readRoute({
      path: '/api/documents/:id/lock',
      access: 'DOCVIEW',
      summary: 'Who holds the lock.',
      query: z.strictObject({}),
      response: z.object({ data: lockState }),
      run: async (context, params) => {
        const document = await readDocument(context, must(params.id))
        return { data: await lockOf(context.reader, document.id, context.now) }
      },
    }),
    write('lock.acquire', 'POST', '/api/documents/:id/lock'),
    write('lock.release', 'DELETE', '/api/documents/:id/lock'),
    write('lock.heartbeat', 'POST', '/api/documents/:id/lock/heartbeat'),
    write('lock.force_take', 'POST', '/api/documents/:id/lock/force-take'),
  ]
}

/** The feature, with how long a lock lasts. */
export const locksFeature = (settings: LockSettings): Feature => {
  const commands = lockCommands(settings)
  return {
    name: 'locks',
    commands,
    routes: routes(commands),
    shapes: kbShapes(
      { shared: 'document_locks', personal: 'personal_locks' },
      { table: 'document_locks', columns: lockColumns },
    ),
  }
}
