// Holds the successful answers that a test gets against what the API reference says about their route: status and form, and
// nothing of what never leaves the server. Rows name their main columns and may hold more of their own.
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { routeTable } from '#server/http/route-table.ts'
import { type Route, successOf } from '#server/kernel/route.ts'

/** Throws where a successful answer is not what its route declares; answers of other entrances are not looked at. */
export type Contract = (method: string, path: string, status: number, body: unknown) => void

/** Columns that stay on the server (domain rules, section 2). */
const kept = new Set([
  'password_hash',
  'password_changed_at',
  'disabled_at',
  'token_hash',
  'avatar_key',
  'storage_key',
  'thumbnail_key',
  'dedupe_key',
  'ydoc',
  'next_task_number',
])

const keptIn = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, inner] of Object.entries(value)) {
    const found = kept.has(name) ? name : keptIn(inner)
    if (found !== undefined) return found
  }
  return undefined
}

/** The contract of `routes`. */
export const contractOf = (routes: readonly Route[]): Contract => {
  const table = routeTable(routes).map(({ route, path }) => ({
    method: route.method,
    path,
    pattern: new RegExp(`^${path.replaceAll(/:[a-z0-9_]+/g, '[^/]+')}$`),
    success: successOf(route),
  }))
  return (method, path, status, body) => {
    const [plain = ''] = path.split('?', 1)
    const entry = table.find(one => one.method === method && one.pattern.test(plain))
    if (!entry) return
    const refuse = (problem: string): never => {
      throw new Error(`${method} ${entry.path} answers what the reference does not say: ${problem}`)
    }
    if (status !== entry.success.status) refuse(`status ${status} instead of ${entry.success.status}`)
    const secret = keptIn(body)
    if (secret !== undefined) refuse(`${secret} never leaves the server`)
    const parsed = entry.success.schema.safeParse(body)
    if (!parsed.success) refuse(z.prettifyError(parsed.error))
    else if (!isDeepStrictEqual(parsed.data, body)) refuse(`undeclared fields in ${JSON.stringify(body)}`)
  }
}
