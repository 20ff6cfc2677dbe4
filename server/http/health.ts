// Liveness and readiness (domain rules, section 5.16). What is checked comes in as functions.
import { sql } from 'kysely'
import { z } from 'zod'
import type { Database } from '#server/kernel/database.ts'
import { withDeadline } from '#server/kernel/lifecycle.ts'
import { rawRoute, type Route } from '#server/kernel/route.ts'

export interface Check {
  /** Rejects when the part is down. */
  probe(): Promise<unknown>
  /** `degraded`: Skerry works without it, only worse (search). */
  readonly whenDown: 'down' | 'degraded'
}

export type Checks = Readonly<Record<string, Check>>

const probeMs = 2000

/** Does the database answer? Without it nothing works. */
export const databaseCheck = (database: Pick<Database, 'read'>): Check => ({
  probe: () => database.read(reader => sql`select 1`.execute(reader)),
  whenDown: 'down',
})

const state = z.enum(['ok', 'degraded', 'down'])
const readiness = z.object({
  status: state,
  checks: z.record(z.string(), z.object({ status: state, ms: z.number() })),
})

const runCheck = async (name: string, check: Check) => {
  const begin = performance.now()
  const status = await withDeadline(
    Promise.resolve().then(() => check.probe()),
    probeMs,
    `the check ${name}`,
  ).then(
    () => 'ok' as const,
    () => check.whenDown,
  )
  return [name, { status, ms: Math.round(performance.now() - begin) }] as const
}

/** Runs all checks at once. */
export const readinessOf = async (checks: Checks): Promise<z.output<typeof readiness>> => {
  const results = await Promise.all(Object.entries(checks).map(([name, check]) => runCheck(name, check)))
  const states = results.map(([, result]) => result.status)
  const status = states.includes('down') ? 'down' : states.includes('degraded') ? 'degraded' : 'ok'
  return { status, checks: Object.fromEntries(results) }
}

/** /health, /ready and /api/time. */
export const serviceRoutes = (checks: Checks, version: string): Route[] => [
  rawRoute({
    method: 'GET',
    path: '/health',
    access: 'PUBLIC',
    summary: 'Does the process live?',
    response: z.object({ status: z.literal('ok'), version: z.string() }),
    run: async () => ({ status: 200, body: { status: 'ok', version } }),
  }),
  rawRoute({
    method: 'GET',
    path: '/ready',
    access: 'PUBLIC',
    summary: 'Can it answer? 503 when a part is down that it needs',
    response: readiness,
    run: async () => {
      const body = await readinessOf(checks)
      return { status: body.status === 'down' ? 503 : 200, body }
    },
  }),
  rawRoute({
    method: 'GET',
    path: '/api/time',
    access: 'PUBLIC',
    summary: 'The server clock',
    response: z.object({ now: z.iso.datetime().meta({ example: '2026-03-01T09:30:00.000Z' }) }),
    run: async ({ now }) => ({ status: 200, body: { now: now.toISOString() } }),
  }),
]
