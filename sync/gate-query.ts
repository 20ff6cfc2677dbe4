// What of a client's query reaches the upstream: protocol parameters as they are, and the shape's own table, columns
// and filter. Anything else is refused, so that no spelling of a parameter can widen what is read.
import { AppError, echoed } from '#server/kernel/errors.ts'
import { protocolParameters, scopeParameters, subsetParameters } from './gate-parameters.ts'
import type { ShapeDefinition } from './shape.ts'

const protocol = new Set(Object.keys(protocolParameters))
const scopes = new Set(Object.keys(scopeParameters))
const subsetKeys = new Set(Object.keys(subsetParameters))

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const bad = (message: string): AppError => new AppError('bad_request', { message })

/** Is the body a stream of pieces? */
export const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body

const quote = (column: string): string => `"${column.replaceAll('"', '""')}"`

const scopeValue = (query: URLSearchParams, name: string): string | undefined => {
  const value = query.get(name)
  if (value === null) return undefined
  // an id that cannot exist is an unknown one
  if (!uuid.test(value)) throw new AppError('not_found')
  return value.toLowerCase()
}

const checkNames = (shape: ShapeDefinition, query: URLSearchParams): void => {
  const seen = new Set<string>()
  for (const name of query.keys()) {
    if (seen.has(name)) throw bad(`The parameter ${echoed(name)} stands there twice.`)
    seen.add(name)
    if (!protocol.has(name) && !scopes.has(name)) {
      throw bad(
        `The parameter ${echoed(name)} is not taken here: the shape's name says which rows and columns it holds.`,
      )
    }
  }
  if (shape.scope === 'user' && (seen.has('application_id') || seen.has('project_id'))) {
    throw bad(`The shape ${shape.name} holds the caller's own rows and takes no scope.`)
  }
  if (seen.has('project_id') && shape.projectColumn === undefined) {
    throw bad(`The shape ${shape.name} has no rows of single projects.`)
  }
  const archived = query.get('archived')
  if (archived !== null && (archived !== 'false' || shape.archiveColumns === undefined)) {
    throw bad('archived=false is the only narrowing, for shapes whose rows can be archived.')
  }
}

export interface UpstreamQuery {
  readonly query: URLSearchParams
  readonly applicationId: string | undefined
}

/** Builds the upstream's query. Throws 400 for foreign or doubled parameters, 404 for ids that cannot exist. */
export const upstreamQuery = (shape: ShapeDefinition, client: URLSearchParams, userId: string): UpstreamQuery => {
  checkNames(shape, client)
  const applicationId = scopeValue(client, 'application_id')
  if (shape.scope === 'application' && applicationId === undefined) {
    throw bad(`The shape ${shape.name} needs ?application_id=…`)
  }
  const projectId = scopeValue(client, 'project_id')
  const out = new URLSearchParams()
  for (const [name, value] of client) if (protocol.has(name)) out.append(name, value)
  const conditions = [`${quote(shape.scopeColumn)} = $1`]
  out.append('params[1]', shape.scope === 'user' ? userId : (applicationId ?? ''))
  if (projectId !== undefined && shape.projectColumn !== undefined) {
    conditions.push(`${quote(shape.projectColumn)} = $2`)
    out.append('params[2]', projectId)
  }
  if (client.get('archived') === 'false') {
    for (const column of shape.archiveColumns ?? []) conditions.push(`${quote(column)} IS NULL`)
  }
  out.append('table', shape.table)
  out.append('where', conditions.join(' AND '))
  out.append('columns', shape.columns.map(quote).join(','))
  // subset filters and orders may name listed columns only: a hidden one could be probed through them
  out.append('queryable_columns', shape.columns.map(quote).join(','))
  return { query: out, applicationId }
}

/** The subset keys of a POST body, rewritten; 400 for anything else in it. Empty stays empty. */
export const subsetBody = (body: Uint8Array): Uint8Array => {
  if (body.byteLength === 0) return body
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (error) {
    throw new AppError('invalid_json', { cause: error })
  }
  const object = parsed as Record<string, unknown> | null
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw bad('The body is a JSON object.')
  const inner = 'subset' in object && Object.keys(object).length === 1 ? object.subset : object
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) throw bad('subset is a JSON object.')
  const foreign = Object.keys(inner).filter(key => !subsetKeys.has(key))
  if (foreign.length > 0) throw bad(`The body takes subset keys only, not ${echoed(foreign.join(', '))}.`)
  return Buffer.from(JSON.stringify(inner))
}
