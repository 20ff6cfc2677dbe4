// Holds every answer that a test gets against what the API reference says about its route: nothing else, and nothing less.
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { writeAnswer } from '#server/kernel/answers.ts'
import { routeTable } from '#server/http/route-table.ts'
import type { Route } from '#server/kernel/route.ts'

/** Throws where a successful answer is not what its route declares. */
export type Contract = (method: string, path: string, body: unknown) => void

const schemaOf = (route: Route): z.ZodType =>
  route.kind === 'write' ? writeAnswer(route.command.output ?? z.never()) : route.response

/** The contract of `routes`. */
export const contractOf = (routes: readonly Route[]): Contract => {
  const table = routeTable(routes).map(({ route, path }) => ({
    method: route.method,
    path,
    pattern: new RegExp(`^${path.replaceAll(/:[a-z0-9_]+/g, '[^/]+')}$`),
    schema: schemaOf(route),
  }))
  return (method, path, body) => {
    const [plain = ''] = path.split('?', 1)
    const entry = table.find(one => one.method === method && one.pattern.test(plain))
    if (!entry) return
    const parsed = entry.schema.safeParse(body)
    if (parsed.success && isDeepStrictEqual(parsed.data, body)) return
    const problem = parsed.success ? `undeclared fields in ${JSON.stringify(body)}` : z.prettifyError(parsed.error)
    throw new Error(`${method} ${entry.path} answers what the reference does not say: ${problem}`)
  }
}
