// /auth/me, /api/me and /api/users… (domain rules, section 5.12).
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { callerOf } from '#server/kernel/reading.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readCounters } from '../notifications/queries.ts'
import { counterRow } from '../notifications/schema.ts'
import { updateProfile } from './commands.ts'
import { findOwn, findPerson, searchPeople } from './queries.ts'
import { ownRow, personRow } from './schema.ts'

export const userRoutes: readonly Route[] = [
  readRoute({
    path: '/api/me',
    aliases: ['/auth/me'],
    access: 'USER',
    summary: 'The own account, and what waits for it.',
    query: z.strictObject({}),
    response: z.object({ data: z.object({ user: ownRow, counters: counterRow }) }),
    run: async ({ reader, actor }) => {
      const caller = callerOf(actor)
      const user = await findOwn(reader, caller.userId)
      // the account went between the session check and this read
      if (!user) throw new AppError('unauthenticated')
      return { data: { user, counters: await readCounters(reader, caller) } }
    },
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/me',
    access: 'SELF',
    summary: 'Changes the own profile.',
    command: updateProfile,
  }),
  readRoute({
    path: '/api/users/search',
    access: 'USER',
    summary: 'People who share an application with the caller, by name; an exact address for editors.',
    limits: [{ name: 'user_search', count: 30, seconds: 60, per: 'person' }],
    query: z.strictObject({
      ...pageQuery,
      q: z.string().trim().min(2).max(254).describe('Part of a name, or a whole e-mail address'),
    }),
    response: pageOf(personRow),
    run: async ({ reader, actor }, _params, { q, ...request }) => searchPeople(reader, callerOf(actor), q, request),
  }),
  readRoute({
    path: '/api/users/:id',
    access: 'USER',
    summary: 'A person who shares an application with the caller.',
    query: z.strictObject({}),
    response: z.object({ data: personRow.extend({ shared_application_ids: z.array(z.uuid()) }) }),
    run: async ({ reader, actor }, params) => {
      const found = await findPerson(reader, callerOf(actor), must(params['id']))
      if (!found) throw notFound()
      return { data: found }
    },
  }),
]
