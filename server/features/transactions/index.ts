// POST /api/transactions and GET /api/transactions/:id (domain rules, section 5.14). The work is the kernel's.
import { z } from 'zod'
import { AppError, notFound } from '#server/kernel/errors.ts'
import type { Feature } from '#server/kernel/feature.ts'
import { must } from '#server/kernel/must.ts'
import { rawRoute } from '#server/kernel/route.ts'
import { newId } from '#server/kernel/schemas.ts'
import type { ClientTransaction, TransactionRunner } from '#server/kernel/transactions.ts'
import type { Actor, UserActor } from '#server/kernel/actor.ts'

const bodyLimit = 8 * 1024 * 1024

const envelope = z.strictObject({
  transactions: z
    .array(
      z.strictObject({
        id: newId,
        edited_at: z.iso.datetime({ offset: true }).optional(),
        mutations: z
          .array(z.strictObject({ name: z.string().min(1).max(100), args: z.record(z.string(), z.unknown()) }))
          .min(1)
          .max(50),
      }),
    )
    .min(1)
    .max(100),
})

const result = z.looseObject({
  id: z.uuid(),
  status: z.enum(['applied', 'rejected', 'failed', 'not_run']),
  txid: z.int().nullable().optional(),
})

const person = (actor: Actor): UserActor => {
  if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
  if (actor.kind !== 'user') throw new AppError('forbidden')
  return actor
}

/** Made by main.ts on the kernel's runner. */
export const transactionsFeature = (runner: TransactionRunner): Feature => ({
  name: 'transactions',
  commands: [],
  shapes: [],
  routes: [
    rawRoute({
      method: 'POST',
      path: '/api/transactions',
      access: 'USER',
      summary: 'Applies an offline queue: transactions in order, each once and for all.',
      body: envelope,
      bodyLimit,
      response: z.object({
        data: z.object({
          results: z.array(result),
          stopped: z.uuid().nullable(),
          retry_after: z.number().optional(),
        }),
      }),
      run: async request => {
        const { transactions } = request.body as { transactions: ClientTransaction[] }
        const { body } = await runner.run(person(request.actor), transactions, { requestId: request.requestId })
        return { status: 200, body }
      },
    }),
    rawRoute({
      method: 'GET',
      path: '/api/transactions/:id',
      access: 'SELF',
      summary: 'The stored result of one of my transactions.',
      response: z.object({ data: result }),
      run: async request => {
        const found = await runner.find(person(request.actor), must(request.params.id))
        if (found === undefined) throw notFound()
        return { status: 200, body: `{"data":${found}}` }
      },
    }),
  ],
})
