// /api/invitations…, /api/applications/:id/invitations… (domain rules, section 5.3).
import { createHash } from 'node:crypto'
import { type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { type AnyCommand, commandNamed } from '#server/kernel/command.ts'
import type { Database, Reader } from '#server/kernel/database.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery, page, type PageQuery } from '#server/kernel/pages.ts'
import { decide } from '#server/kernel/policy.ts'
import { type Caller, callerOf, readAccess, within } from '#server/kernel/reading.ts'
import {
  rawRoute,
  readRoute,
  replayedHeader,
  type Route,
  type RunWrite,
  type WriteOrigin,
  writeRoute,
} from '#server/kernel/route.ts'
import { hashOf } from '#server/kernel/secrets.ts'
import { readStanding } from '../members/access.ts'
import { invitationPolicy } from './policy.ts'
import { invitationColumns, invitationRow, state, token } from './schema.ts'

export interface InvitationRouteDeps {
  readonly database: Pick<Database, 'read'>
  readonly runWrite: RunWrite
}

const list = pageOf(invitationRow)

const listWhere = (
  reader: Reader,
  caller: Caller,
  where: { readonly column: 'user_id' | 'inviter_id' | 'application_id'; readonly id: string },
  filters: PageQuery & { readonly state?: string | undefined },
) => {
  let query = reader
    .selectFrom('invitations as i')
    .select(invitationColumns)
    .where(`i.${where.column}`, '=', where.id)
    .where(within(caller, 'i.application_id'))
  if (filters.state !== undefined) query = query.where('i.state', '=', filters.state)
  return page(query, {
    sort: [{ by: sql`i.created_at`, type: 'timestamptz', descending: true }],
    id: sql`i.id`,
    request: filters,
    filters: [where, filters.state ?? null],
  })
}

const masked = (email: string | null): string | null => {
  if (email === null) return null
  const at = email.lastIndexOf('@')
  return `${email.slice(0, 1)}…${email.slice(at)}`
}

const keyCodes: ReadonlySet<string> = new Set(['idempotency_mismatch', 'request_in_progress'])

/** Each item of a batch is kept for itself: the first under the key of the request, where other requests find it. */
const itemKey = (given: WriteOrigin['idempotency'], index: number): WriteOrigin['idempotency'] =>
  given && index > 0 ? { ...given, key: `${createHash('sha256').update(given.key).digest('hex')}/${index}` } : given

export const invitationRoutes = (commands: readonly AnyCommand[], deps: InvitationRouteDeps): readonly Route[] => {
  const command = (name: string) => commandNamed(commands, name)
  const none = z.strictObject({})
  return [
    readRoute({
      path: '/api/invitations',
      access: 'USER',
      summary: 'Invitations that I received, pending ones unless `state` says otherwise.',
      query: z.strictObject({ ...pageQuery, state: state.default('pending').describe('Invitations in this state') }),
      response: list,
      run: ({ reader, actor }, _params, query) =>
        listWhere(reader, callerOf(actor), { column: 'user_id', id: callerOf(actor).userId }, query),
    }),
    readRoute({
      path: '/api/invitations/sent',
      access: 'USER',
      summary: 'Invitations that I sent.',
      query: z.strictObject({ ...pageQuery, state: state.optional().describe('Invitations in this state') }),
      response: list,
      run: ({ reader, actor }, _params, query) =>
        listWhere(reader, callerOf(actor), { column: 'inviter_id', id: callerOf(actor).userId }, query),
    }),
    readRoute({
      path: '/api/invitations/count',
      access: 'USER',
      summary: 'How many are pending for me.',
      query: none,
      response: z.object({ data: z.object({ count: z.int() }) }),
      run: async ({ reader, actor }) => {
        const row = await reader
          .selectFrom('invitations')
          .select(sql<number>`count(*)::int`.as('count'))
          .where('user_id', '=', callerOf(actor).userId)
          .where(within(callerOf(actor), 'application_id'))
          .where('state', '=', 'pending')
          .executeTakeFirst()
        return { data: { count: row?.count ?? 0 } }
      },
    }),
    readRoute({
      path: '/api/invitations/:id',
      access: 'SELF',
      summary: 'One invitation: for the invitee, the inviter and owners.',
      query: none,
      response: z.object({ data: invitationRow }),
      run: async ({ reader, actor }, params) => {
        const caller = callerOf(actor)
        const row = await reader
          .selectFrom('invitations')
          .select(invitationColumns)
          .where('id', '=', must(params.id))
          .where(
            sql<SqlBool>`(user_id = ${caller.userId} or inviter_id = ${caller.userId} or exists (
              select 1 from application_members m where m.application_id = invitations.application_id
                 and m.user_id = ${caller.userId} and m.role = 'owner'))`,
          )
          .where(within(caller, 'application_id'))
          .executeTakeFirst()
        if (!row) throw notFound()
        return { data: row }
      },
    }),
    readRoute({
      path: '/api/applications/:id/invitations',
      access: 'OWNER',
      summary: 'Invitations of the application, newest first.',
      query: z.strictObject({ ...pageQuery, state: state.optional().describe('Invitations in this state') }),
      response: list,
      run: async ({ reader, actor }, params, query) => {
        const subject = { applicationId: must(params.id), editorsMayAddEditors: false }
        await decide(invitationPolicy, 'list', subject, actor, readAccess(readStanding, reader, actor.userId))
        return listWhere(reader, callerOf(actor), { column: 'application_id', id: must(params.id) }, query)
      },
    }),
    writeRoute({
      method: 'POST',
      path: '/api/applications/:id/invitations',
      access: 'EDITOR',
      summary: 'Invites a person.',
      command: command('invitation.create'),
      params: { id: 'application_id' },
      status: 201,
    }),
    rawRoute({
      method: 'POST',
      path: '/api/applications/:id/invitations/batch',
      access: 'EDITOR',
      scope: 'admin',
      summary: 'Invites up to 20 people, each in a transaction of its own.',
      body: z.strictObject({ invitations: z.array(z.record(z.string(), z.unknown())).min(1).max(20) }),
      response: z.object({ data: z.array(z.unknown()) }),
      run: async request => {
        const { actor } = request
        if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
        const applicationId = must(request.params.id)
        // items answer for themselves; whoever may not invite at all is told before any of them
        await deps.database.read(reader => {
          const subject = { applicationId, editorsMayAddEditors: false }
          return decide(
            invitationPolicy,
            'inviteViewer',
            subject,
            actor,
            readAccess(readStanding, reader, actor.userId),
          )
        })
        const { invitations } = request.body as { invitations: Record<string, unknown>[] }
        const origin = request.writeOrigin()
        const results: unknown[] = []
        let replayed = true
        for (const [index, invitation] of invitations.entries()) {
          try {
            const answer = await deps.runWrite(
              {
                ...origin,
                idempotency: itemKey(origin.idempotency, index),
                actor,
                command: command('invitation.create'),
                args: { ...invitation, application_id: applicationId },
                expectedVersion: undefined,
              },
              201,
            )
            replayed &&= answer.replayed
            results.push(JSON.parse(answer.body))
          } catch (error) {
            // said about the key of the whole request
            if (!(error instanceof AppError) || keyCodes.has(error.code)) throw error
            replayed = false
            results.push({ error: error.toBody() })
          }
        }
        return { status: 200, body: { data: results }, ...(replayed ? { headers: replayedHeader } : {}) }
      },
    }),
    rawRoute({
      method: 'POST',
      path: '/api/invitations/lookup',
      access: 'PUBLIC',
      summary: 'What an invitation link leads to, before signing in.',
      body: z.strictObject({ token }),
      response: z.object({ data: z.looseObject({ application_name: z.string() }) }),
      run: async request => {
        const { token: secret } = request.body as { token: string }
        const row = await deps.database.read(reader =>
          reader
            .selectFrom('invitations')
            .select(['application_name', 'inviter_name', 'role', 'email', 'state', 'expires_at'])
            .where('token_hash', '=', hashOf(secret))
            .executeTakeFirst(),
        )
        if (!row) throw notFound()
        if (row.state === 'expired' || (row.state === 'pending' && row.expires_at <= request.now)) {
          throw new AppError('invitation_expired')
        }
        return { status: 200, body: { data: { ...row, email: masked(row.email) } } }
      },
    }),
    ...(['accept', 'reject'] as const).flatMap(name => [
      writeRoute({
        method: 'POST',
        path: `/api/invitations/${name}`,
        access: 'USER',
        summary: `${command(`invitation.${name}`).summary} (by token)`,
        command: command(`invitation.${name}`),
      }),
      writeRoute({
        method: 'POST',
        path: `/api/invitations/:id/${name}`,
        access: 'SELF',
        summary: command(`invitation.${name}`).summary,
        command: command(`invitation.${name}`),
      }),
    ]),
    writeRoute({
      method: 'DELETE',
      path: '/api/invitations/:id',
      access: 'AUTHOR',
      summary: 'Takes an invitation back.',
      command: command('invitation.cancel'),
    }),
    writeRoute({
      method: 'POST',
      path: '/api/invitations/:id/resend',
      access: 'AUTHOR',
      summary: 'Makes a new link.',
      command: command('invitation.resend'),
    }),
  ]
}
