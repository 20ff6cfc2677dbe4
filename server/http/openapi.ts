// The API reference, made from the same route table and schemas that answer the requests.
import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi'
import { catalogue, isRetryable, issueCodes } from '#server/kernel/errors.ts'
import { type Access, rawRoute, type Route, scopeOf } from '#server/kernel/route.ts'

/** What an API token needs. */
const scopeWords = (route: Route): string => {
  if (route.access === 'PUBLIC') return ''
  const scope = scopeOf(route)
  return scope === 'session' ? ' Not with an API token.' : ` API tokens need the scope \`${scope}\`.`
}

const accessWords: Readonly<Record<Access, string>> = {
  PUBLIC: 'anybody',
  USER: 'anyone who is signed in',
  SELF: 'the person whose row it is',
  MEMBER: 'members of the application',
  EDITOR: 'owners and editors of the application',
  OWNER: 'owners of the application',
  CONTRIB: 'owners, and editors who are members of the project',
  PADMIN: 'owners, and editors who are admins of the project',
  DOCVIEW: 'members of the application; of personal documents the person alone',
  DOCEDIT:
    'owners and editors; in a project owners, and editors who are members of it; of personal documents the person alone',
  AUTHOR: 'whoever made it',
  ADMIN: 'administrators of the server',
}

const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(catalogue) as [string, ...string[]]),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      request_id: z.string(),
    }),
  })
  .meta({ id: 'Error' })

const writeAnswer = z
  .object({
    data: z.unknown(),
    txid: z
      .int()
      .nullable()
      .meta({ description: 'The transaction as the shape log names it; null: no synced row changed' }),
    shapes: z.array(z.string()).optional(),
    superseded: z.array(z.record(z.string(), z.unknown())).optional(),
    warnings: z.array(z.string()).optional(),
  })
  .meta({ id: 'WriteAnswer' })

const writeHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .meta({ description: 'Repeats of a request with the same key change nothing' }),
  'If-Match': z.string().optional().meta({ description: 'The version the row must still have' }),
  'Skerry-Edited-At': z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: 'When the person made the change' }),
})

/** The error catalogue as a Markdown table. */
export const catalogueTable = (): string =>
  [
    '| Status | Code | Meaning | Repeat? |',
    '| --- | --- | --- | --- |',
    ...Object.entries(catalogue).map(
      ([code, { status, message }]) =>
        `| ${status} | \`${code}\` | ${message} | ${isRetryable(code as keyof typeof catalogue) ? 'yes' : 'no'} |`,
    ),
  ].join('\n')

const describe = (): string =>
  [
    'Reads answer `{data}` or `{data, next_cursor}`, writes `{data, txid}`, errors `{error: {code, message, details, request_id}}`.',
    'Sign in with the cookie `skerry_session` or with `Authorization: Bearer`; tokens are never taken from the URL.',
    `\n## Errors\n\n${catalogueTable()}`,
    `\n\`validation_failed\` lists everything that is wrong in \`details.issues\`, each with path, message and one of these codes: ${issueCodes.map(code => `\`${code}\``).join(', ')}.`,
  ].join('\n')

const paramNames = (path: string): string[] => [...path.matchAll(/:([a-z0-9_]+)/g)].map(match => match[1] ?? '')

const json = (schema: z.ZodType) => ({ 'application/json': { schema } })

const querySchema = (route: Route): z.ZodObject | undefined => {
  if (route.kind === 'read') return route.query instanceof z.ZodObject ? route.query : undefined
  if (route.kind !== 'write' || !route.queryArgs) return undefined
  return z.object(Object.fromEntries(route.queryArgs.map(name => [name, z.string().optional()])))
}

const bodyOf = (route: Route): ZodOpenApiOperationObject['requestBody'] => {
  if (route.kind === 'write') return { content: json(route.command.input) }
  if (route.kind !== 'raw' || !route.body) return undefined
  const form = route.accepts === 'json-or-form'
  return {
    content: {
      ...json(route.body),
      ...(form ? { 'application/x-www-form-urlencoded': { schema: route.body } } : {}),
    },
  }
}

const successStatus = (route: Route): string => String(route.kind === 'write' ? (route.status ?? 200) : 200)

const operation = (route: Route): ZodOpenApiOperationObject => {
  const names = paramNames(route.path)
  const query = querySchema(route)
  const requestBody = bodyOf(route)
  const path = names.length > 0 ? z.object(Object.fromEntries(names.map(name => [name, z.string()]))) : undefined
  const header = route.kind === 'write' ? writeHeaders : undefined
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^A-Za-z0-9]+(.?)/g, (_all, next: string) => next.toUpperCase())}`,
    summary: route.summary,
    description: `Who may: ${accessWords[route.access]}.${scopeWords(route)}${route.kind === 'write' ? ` Runs the command \`${route.command.name}\`.` : ''}`,
    tags: [route.path.split('/').find(part => part !== '' && part !== 'api') ?? 'service'],
    security: route.access === 'PUBLIC' ? [] : [{ bearer: [] }, { cookie: [] }],
    requestParams: { ...(path ? { path } : {}), ...(query ? { query } : {}), ...(header ? { header } : {}) },
    ...(requestBody ? { requestBody } : {}),
    responses: {
      [successStatus(route)]: {
        description: 'Done.',
        content: json(route.kind === 'write' ? writeAnswer : route.response),
      },
      default: { description: 'See the list of errors.', content: json(errorAnswer) },
    },
  }
}

interface PlainSchema {
  properties?: Record<string, unknown>
  required?: string[]
}

/** Arguments that the path gives are not in the body. */
const dropPathArguments = (route: Route, schema: PlainSchema | undefined): void => {
  if (route.kind !== 'write' || route.toArgs || !schema?.properties) return
  for (const name of [
    ...paramNames(route.path).map(param => route.params?.[param] ?? param),
    ...(route.queryArgs ?? []),
  ]) {
    delete schema.properties[name]
    if (schema.required) schema.required = schema.required.filter(required => required !== name)
  }
  if (schema.required?.length === 0) delete schema.required
}

const openApiPath = (path: string): string => path.replace(/:([a-z0-9_]+)/g, '{$1}')

/** The OpenAPI 3.1 document of `routes`. */
export const openApiDocument = (routes: readonly Route[], about: { version: string; publicUrl: string }): object => {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const route of routes) {
    const path = openApiPath(route.path)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  const document = createDocument({
    openapi: '3.1.0',
    info: { title: 'Skerry', version: about.version, description: describe() },
    servers: [{ url: about.publicUrl }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'skerry_session' },
      },
    },
  })
  type Bodied = { requestBody?: { content?: Record<string, { schema?: PlainSchema }> } }
  for (const route of routes) {
    const made = document.paths?.[openApiPath(route.path)] as Record<string, Bodied> | undefined
    dropPathArguments(route, made?.[route.method.toLowerCase()]?.requestBody?.content?.['application/json']?.schema)
  }
  return document
}

/** GET /api/openapi.json. The document is made at the first request and kept. */
export const openApiRoute = (routes: () => readonly Route[], about: { version: string; publicUrl: string }): Route => {
  let text: string | undefined
  return rawRoute({
    method: 'GET',
    path: '/api/openapi.json',
    access: 'PUBLIC',
    summary: 'This reference, as OpenAPI 3.1',
    response: z.record(z.string(), z.unknown()),
    run: async () => {
      text ??= JSON.stringify(openApiDocument(routes(), about))
      return { status: 200, body: text }
    },
  })
}
