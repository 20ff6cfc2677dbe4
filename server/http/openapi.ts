// The API reference, made from the same route table and schemas that answer the requests, and from the doors beside it.
import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiOverride } from 'zod-openapi'
import type { Door, DoorAnswer } from '#server/kernel/door.ts'
import { rawRoute, type Route, scopeOf, successOf } from '#server/kernel/route.ts'
import { accessWords, describe, errorAnswer, scopeWords, writeHeaders } from './openapi-parts.ts'
import { namesId } from './route-table.ts'

const openApiPath = (path: string): string => path.replace(/:([a-z0-9_]+)/g, '{$1}')

const paramNames = (path: string): string[] => [...path.matchAll(/:([a-z0-9_]+)/g)].map(match => match[1] ?? '')

const json = (schema: z.ZodType) => ({ 'application/json': { schema } })

const querySchema = (route: Route): z.ZodObject | undefined => {
  if (route.kind !== 'write') return route.query instanceof z.ZodObject ? route.query : undefined
  if (!route.queryArgs) return undefined
  const { input } = route.command
  const shape: Readonly<Record<string, z.ZodType>> = input instanceof z.ZodObject ? input.shape : {}
  return z.object(Object.fromEntries(route.queryArgs.map(name => [name, shape[name] ?? z.string().optional()])))
}

const bodyOf = (route: Route): ZodOpenApiOperationObject['requestBody'] => {
  if (route.kind === 'write') return { content: json(route.command.input) }
  if (route.kind !== 'raw') return undefined
  if (route.accepts === 'bytes' || route.accepts === 'stream') {
    return { content: { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } } }
  }
  if (!route.body) return undefined
  const form = route.accepts === 'json-or-form'
  return {
    content: {
      ...json(route.body),
      ...(form ? { 'application/x-www-form-urlencoded': { schema: route.body } } : {}),
    },
  }
}

const wordsOn = (route: Route): string =>
  [
    `Who may: ${accessWords[route.access]}.`,
    ...(route.access === 'PUBLIC' ? [] : [scopeWords(scopeOf(route))]),
    ...(route.kind === 'write' ? [`Runs the command \`${route.command.name}\`.`] : []),
    ...(route.aliases ?? []).map(alias => `Also at \`${openApiPath(alias)}\`.`),
  ].join(' ')

const operationId = (method: string, path: string): string =>
  `${method.toLowerCase()}${path.replace(/[^A-Za-z0-9]+(.?)/g, (_all, next: string) => next.toUpperCase())}`

const tagOf = (path: string): string => path.split('/').find(part => part !== '' && part !== 'api') ?? 'service'

const signedIn = [{ bearer: [] }, { cookie: [] }]

const operation = (route: Route): ZodOpenApiOperationObject => {
  const names = paramNames(route.path)
  const query = querySchema(route)
  const requestBody = bodyOf(route)
  const path =
    names.length > 0
      ? z.object(Object.fromEntries(names.map(name => [name, namesId(name) ? z.uuid() : z.string()])))
      : undefined
  const header = route.kind === 'write' ? writeHeaders : undefined
  const success = successOf(route)
  return {
    operationId: operationId(route.method, route.path),
    summary: route.summary,
    description: wordsOn(route),
    tags: [tagOf(route.path)],
    security: route.access === 'PUBLIC' ? [] : signedIn,
    requestParams: { ...(path ? { path } : {}), ...(query ? { query } : {}), ...(header ? { header } : {}) },
    ...(requestBody ? { requestBody } : {}),
    responses: {
      [String(success.status)]: { description: 'Done.', content: json(success.schema) },
      default: { description: 'See the list of errors.', content: json(errorAnswer) },
    },
  }
}

const answerOf = ({ description, headers, content = {}, error }: DoorAnswer) => {
  const { 'application/json': own, ...others } = content
  const forms = [...(own ? [own] : []), ...(error ? [errorAnswer] : [])]
  const [first, ...more] = forms
  return {
    description,
    ...(headers ? { headers } : {}),
    content: {
      ...(first ? json(more.length > 0 ? z.union(forms) : first) : {}),
      ...Object.fromEntries(Object.entries(others).map(([type, schema]) => [type, { schema }])),
    },
  }
}

const doorOperation = (door: Door): ZodOpenApiOperationObject => ({
  operationId: operationId(door.method, door.path),
  summary: door.summary,
  description: `${door.description}\n\n${scopeWords(door.scope)}`,
  tags: [tagOf(door.path)],
  security: signedIn,
  requestParams: {
    ...(door.params ? { path: door.params } : {}),
    ...(door.query ? { query: door.query } : {}),
    ...(door.headers ? { header: door.headers } : {}),
  },
  ...(door.body ? { requestBody: { content: json(door.body) } } : {}),
  responses: Object.fromEntries(Object.entries(door.answers).map(([status, answer]) => [status, answerOf(answer)])),
})

// swagger-ui makes an example of a format, and noise of the pattern that zod writes beside it
const withoutPatterns: ZodOpenApiOverride = ({ jsonSchema }) => {
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern
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

export interface Reference {
  readonly routes: readonly Route[]
  readonly doors: readonly Door[]
  readonly version: string
  readonly publicUrl: string
}

/** The OpenAPI 3.1 document of routes and doors. */
export const openApiDocument = ({ routes, doors, version, publicUrl }: Reference): object => {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const route of routes) {
    const path = openApiPath(route.path)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  for (const door of doors) {
    const path = openApiPath(door.path)
    paths[path] = { ...paths[path], [door.method.toLowerCase()]: doorOperation(door) }
  }
  const document = createDocument(
    {
      openapi: '3.1.0',
      info: { title: 'Skerry', version, description: describe() },
      servers: [{ url: publicUrl }],
      paths,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          cookie: { type: 'apiKey', in: 'cookie', name: 'skerry_session' },
        },
      },
    },
    { override: withoutPatterns },
  )
  type Bodied = { requestBody?: { content?: Record<string, { schema?: PlainSchema }> } }
  for (const route of routes) {
    const made = document.paths?.[openApiPath(route.path)] as Record<string, Bodied> | undefined
    dropPathArguments(route, made?.[route.method.toLowerCase()]?.requestBody?.content?.['application/json']?.schema)
  }
  return document
}

/** GET /api/openapi.json. The document is made at the first request and kept. */
export const openApiRoute = (about: Reference): Route => {
  let text: string | undefined
  return rawRoute({
    method: 'GET',
    path: '/api/openapi.json',
    access: 'PUBLIC',
    summary: 'This reference, as OpenAPI 3.1',
    response: z.record(z.string(), z.unknown()),
    run: async () => {
      text ??= JSON.stringify(openApiDocument(about))
      return { status: 200, body: text }
    },
  })
}
