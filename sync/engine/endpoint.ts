// The shape route: GET, HEAD, POST and DELETE, from parameters to the answer. Nothing here is about sockets.
import type { Pool } from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import type { ShapeRequest, ShapeResponse } from '../upstream.ts'
import type { Admission, AdmissionKind, Permit } from './admission.ts'
import { awaitEnd } from './live.ts'
import { compareOffsets, formatOffset, parseOffset, snapshotOffset } from './lsn.ts'
import {
  type Checked,
  definitionErrors,
  parseRequest,
  parseShapeParams,
  type RequestParams,
  type ShapeParams,
} from './params.ts'
import {
  databaseUnreachable,
  notStored,
  internalError,
  invalid,
  jsonError,
  jsonType,
  refetch,
  shapeMethods,
  unavailable,
  withMethodCaching,
} from './protocol.ts'
import type { TransactionReader } from './replication/transactions.ts'
import type { Unproven } from './replication/unproven.ts'
import { parseBody } from './request-body.ts'
import type { ShapeServer } from './serve.ts'
import { relationsOf, type Shapes } from './shapes/lifecycle.ts'
import type { Expected, Resolved, Resolver } from './shapes/resolve.ts'
import type { Shape } from './shapes/shape.ts'
import { ClauseRaised, explainFailure, SnapshotRefused } from './shapes/snapshot.ts'
import type { Subqueries } from './shapes/subquery/subqueries.ts'
import { settleSubset } from './shapes/subquery/subset-rows.ts'
import { checkSubset, explainRefusal, readSubset, type SubsetResult } from './shapes/subset.ts'

/** What exists once the engine has its lock. */
export interface Running {
  readonly shapes: Shapes
  readonly resolver: Resolver
  readonly reader: TransactionReader
  readonly unproven: Unproven
  readonly subqueries: Subqueries
}

export interface EndpointParts {
  /** The engine, when it runs. */
  readonly running: () => Running | undefined
  /** The engine once it runs, or, after at most `readinessMs`, why it does not. */
  readonly ready: () => Promise<Running | string>
  readonly server: ShapeServer
  readonly pool: Pool
  readonly allowDelete: boolean
  readonly admission: Admission
  /** Whether a shape of that handle is known. */
  readonly lives: (handle: string) => boolean
  /** Nothing can be stored at the moment: no shape can begin or end. */
  readonly isUnwritable: () => boolean
  readonly visibilityMs: number
  readonly random: () => number
  readonly now: () => number
  readonly log: Log
}

const connectionCodes = /^(08|57P|53|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH)/

/** Whether Postgres could not be reached, as opposed to having refused something. */
export const isUnreachable = (error: unknown): boolean => {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code === 'string' && connectionCodes.test(code)) return true
  return typeof message === 'string' && /^(Connection terminated|timeout exceeded when trying to connect)/.test(message)
}

const parsedQueries = new WeakMap<URLSearchParams, Checked<RequestParams>>()

/** Readers that ask in the same words may come with the same object. */
const parseOnce = (query: URLSearchParams): Checked<RequestParams> => {
  let parsed = parsedQueries.get(query)
  if (parsed === undefined) {
    parsed = parseRequest(query, null)
    parsedQueries.set(query, parsed)
  }
  return parsed
}

// a lock that was waited for too long, a query that was cancelled, a right that is missing
const passingCodes = new Set(['55P03', '57014', '42501'])

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? ''

/** Looks at the shape's tables again, which ends the shape when they no longer fit. */
const wasAltered = async ({ resolver }: Running, shape: Shape): Promise<boolean> => {
  await Promise.all([shape.definition, ...shape.definition.inner].map(table => resolver.look(table)))
  return shape.retiring !== undefined
}

/** The shape route as a function. It never rejects. */
export const createEndpoint = (parts: EndpointParts) => {
  /** When a definition was last given a new handle because of an offset that cannot be. */
  const rotated = new Map<string, number>()

  const beyondTail = async (running: Running, shape: Shape, resolved: Resolved): Promise<ShapeResponse> => {
    const { identity } = shape.definition
    const last = rotated.get(identity)
    if (last !== undefined && parts.now() - last < 60_000) return invalid({ offset: ['out of bounds for this shape'] })
    rotated.set(identity, parts.now())
    if (rotated.size > 1000) rotated.delete(rotated.keys().next().value ?? '')
    void running.shapes.retire(shape, 'a reader knows an offset that it does not have')
    if (!(await awaitEnd(shape))) return notStored()
    return refetch(running.shapes.getOrCreate(resolved).handle)
  }

  const subset = async (
    running: Running,
    request: ShapeRequest,
    params: RequestParams,
    shape: Shape,
    resolved: Resolved,
  ): Promise<ShapeResponse> => {
    if (params.subset === null) return internalError()
    const checked = await checkSubset(params.subset, resolved)
    if (!checked.ok) return invalid(checked.errors)
    // The tail is taken before the rows are read: changes in between are sent again, and the reader knows them by xid.
    const ready = await parts.server.read({
      params: { ...params, offset: 'now', live: false, sse: false },
      shape,
      schema: resolved.schema,
      ifNoneMatch: undefined,
      acceptEncoding: undefined,
      signal: request.signal,
    })
    if (ready === null || ready.status !== 200) return ready ?? refetch()
    const { offset } = params
    const tail = must(ready.headers['electric-offset'], 'tail')
    const isBeyond = offset !== 'now' && compareOffsets(offset, must(parseOffset(tail))) > 0
    const position = offset === 'now' || isBeyond ? tail : formatOffset(offset.tx < 0n ? snapshotOffset(0) : offset)
    const relations = relationsOf(resolved.definition, resolved.table.sources)
    const needed = running.unproven.touching(relations, running.reader.openXid)
    const { moves } = shape
    if (resolved.filter !== null && moves === undefined) return refetch()
    const reading = readSubset(parts.pool, resolved, checked.value, {
      ...(moves === undefined
        ? {}
        : {
            tagger: moves.tagger,
            settle: async (rows, snapshotEnd) => {
              await running.subqueries.reached(moves, snapshotEnd, request.signal)
              return settleSubset(rows, moves, position)
            },
          }),
      mark: Math.floor(parts.random() * 2 ** 31),
      needed: () => needed,
      seen: snapshot => running.unproven.prove(snapshot, running.reader.openXid),
      visibilityMs: parts.visibilityMs,
      signal: request.signal,
    })
    let result: SubsetResult
    try {
      result = await reading
    } catch (error) {
      // Names that were right by the catalogs as they were known: the table may have been altered since.
      if (codeOf(error).startsWith('42') && (await wasAltered(running, shape)))
        return (await awaitEnd(shape)) ? refetch() : notStored()
      const refused = explainRefusal(error, checked.value)
      if (refused === null) throw error
      return invalid(refused)
    }
    if ('refetch' in result) {
      void running.shapes.retire(shape, 'a subset could not be given to a reader that is behind')
      return (await awaitEnd(shape)) ? refetch() : notStored()
    }
    return {
      status: 200,
      headers: {
        'content-type': jsonType,
        'cache-control': 'no-cache',
        'electric-snapshot': 'true',
        'electric-handle': shape.handle,
        'electric-offset': position,
        'electric-schema': resolved.schema,
      },
      body: result.pieces.length === 1 ? (result.pieces[0] ?? null) : iterate(result.pieces),
    }
  }

  /** Shapes that began with what was expected, until that is known to be so: nobody is answered from one before. */
  const unconfirmed = new WeakMap<Shape, Promise<unknown>>()

  /** Begins the shape; ends it when what was expected is not so. */
  const beginExpected = (shapes: Shapes, { resolved, holds }: Expected): Promise<boolean> => {
    const shape = shapes.getOrCreate(resolved)
    const confirm = async () => {
      let isSo = false
      try {
        isSo = await holds(await shapes.taken(shape))
      } finally {
        unconfirmed.delete(shape)
        if (!isSo) void shapes.retire(shape, 'its table was altered since it was last read')
      }
      return isSo
    }
    const confirmed = confirm()
    const over = () => {}
    unconfirmed.set(shape, confirmed.then(over, over))
    return confirmed
  }

  /** What `params` mean; where that can be expected, their shape begins while Postgres is asked whether it is right. */
  const resolve = async ({ resolver, shapes }: Running, params: ShapeParams): Promise<Checked<Resolved>> => {
    const expected = parts.isUnwritable() ? undefined : await resolver.expect(params)
    if (expected === undefined) return resolver.resolve(params)
    const { resolved, holds } = expected
    const begins = shapes.byIdentity(resolved.definition.identity) === undefined
    const isSo = await (begins ? beginExpected(shapes, expected) : holds())
    return isSo ? { ok: true, value: resolved } : resolver.resolve(params)
  }

  const read = async (running: Running, request: ShapeRequest, params: RequestParams): Promise<ShapeResponse> => {
    let resolved = running.resolver.known(params.shape)
    if (resolved === undefined) {
      let checked: Checked<Resolved>
      try {
        checked = await resolve(running, params.shape)
      } catch (error) {
        if (!isUnreachable(error)) throw error
        parts.log.warn('the catalogs could not be read', { error })
        return unavailable('Cannot connect to the database to verify the shape. Please try again later.', 1)
      }
      if (!checked.ok) return invalid(checked.errors)
      resolved = checked.value
    }
    if (parts.isUnwritable() && running.shapes.byIdentity(resolved.definition.identity) === undefined)
      return notStored()
    const shape = running.shapes.getOrCreate(resolved)
    const confirmation = unconfirmed.get(shape)
    if (confirmation !== undefined) await confirmation
    if (params.handle !== null && params.handle !== shape.handle) {
      const named = running.shapes.byHandle(params.handle)
      if (named !== undefined && !(await awaitEnd(named))) return notStored()
      return shape.retiring === undefined ? refetch(shape.handle) : refetch()
    }
    if (shape.retiring !== undefined && !(await awaitEnd(shape))) return notStored()
    let answer: ShapeResponse | null
    if (params.subset !== null) answer = await subset(running, request, params, shape, resolved)
    else
      answer = await parts.server.read({
        params,
        shape,
        schema: resolved.schema,
        ifNoneMatch: request.headers['if-none-match'],
        acceptEncoding: request.headers['accept-encoding'],
        signal: request.signal,
      })
    if (answer === null) return beyondTail(running, shape, resolved)
    if (answer.status !== 409) return answer
    const failure = running.shapes.failureOf(shape)
    if (failure instanceof ClauseRaised) return invalid({ where: [failure.message] })
    if (failure !== undefined) return unavailable(failure.message, 10)
    if (request.signal.aborted) return answer
    // The reader will come for the replacement at once: making it now gives the answer a handle.
    const again = await running.resolver.resolve(params.shape)
    return again.ok ? refetch(running.shapes.getOrCreate(again.value).handle) : answer
  }

  const remove = async (running: Running, query: URLSearchParams): Promise<ShapeResponse> => {
    if (!parts.allowDelete) return jsonError(405, { message: 'DELETE not allowed' })
    const handle = query.getAll('handle').at(-1) ?? ''
    const params = parseShapeParams(query)
    if (!params.ok) return invalid(params.errors)
    if (params.value.table === null && handle === '')
      return invalid({ handle: ["can't be blank when shape definition is missing"] })
    const named = handle === '' ? undefined : running.shapes.byHandle(handle)
    let shape = named
    if (params.value.table !== null) {
      const refused = definitionErrors(params.value)
      if (refused !== null) return invalid(refused)
      const resolved = await running.resolver.resolve(params.value)
      if (!resolved.ok) return invalid(resolved.errors)
      shape = running.shapes.byIdentity(resolved.value.definition.identity)
      if (handle !== '' && named !== undefined && named !== shape)
        return jsonError(400, {
          message:
            'The specified shape definition and handle do not match. Please ensure the shape definition is correct or omit the shape handle from the request to obtain a new one.',
        })
      if (handle !== '' && named === undefined) shape = undefined
    }
    if (shape === undefined) return jsonError(404, { message: 'No existing shape found' })
    void running.shapes.retire(shape, 'it was deleted')
    if (!(await awaitEnd(shape))) return notStored()
    const headers = { 'content-type': jsonType, 'cache-control': 'no-cache', 'electric-has-data': 'true' }
    return { status: 202, headers, body: null }
  }

  const respond = async (request: ShapeRequest): Promise<ShapeResponse> => {
    if (request.method === 'OPTIONS')
      return {
        status: 204,
        headers: { 'access-control-max-age': '86400', 'access-control-allow-methods': shapeMethods },
        body: null,
      }
    if (request.method === 'DELETE') {
      if (!parts.allowDelete) return jsonError(405, { message: 'DELETE not allowed' })
      const engine = parts.running() ?? (await parts.ready())
      return typeof engine === 'string' ? unavailable(engine, 5) : remove(engine, request.query)
    }
    const handle = request.query.getAll('handle').at(-1)
    const kind: AdmissionKind = handle !== undefined && parts.lives(handle) ? 'existing' : 'initial'
    const permit = parts.admission.enter(kind)
    if ('limit' in permit) {
      const wait = 6 + Math.floor(parts.random() * 5)
      const text = `Concurrent ${kind} request limit exceeded (limit: ${permit.limit}), please retry`
      return unavailable(text, wait, 'concurrent_request_limit_exceeded')
    }
    try {
      const parsed = parseBody(request.method === 'POST' ? request.body : undefined)
      if ('status' in parsed) return released(parsed, permit, request)
      const engine = parts.running() ?? (await parts.ready())
      if (typeof engine === 'string') return released(unavailable(engine, 5), permit, request)
      const params = parsed.body === null ? parseOnce(request.query) : parseRequest(request.query, parsed.body)
      const response = params.ok ? await read(engine, request, params.value) : invalid(params.errors)
      return released(response, permit, request)
    } catch (error) {
      permit.leave()
      throw error
    }
  }

  return async (request: ShapeRequest): Promise<ShapeResponse> => {
    let response: ShapeResponse
    try {
      response = await respond(request)
    } catch (error) {
      if (error instanceof SnapshotRefused) response = unavailable(error.message, 10)
      else if (isUnreachable(error)) response = databaseUnreachable()
      else if (passingCodes.has(codeOf(error))) response = unavailable(explainFailure(error).message, 10)
      else {
        parts.log.error('a shape request failed', { error })
        response = internalError()
      }
    }
    response = withMethodCaching(request.method, response)
    return request.method === 'HEAD' ? { ...response, body: null } : response
  }
}

/** Gives the permit back: at once, or when the stream that the answer is has been read. */
const released = (response: ShapeResponse, permit: Permit, request: ShapeRequest): ShapeResponse => {
  const { body, direct } = response
  if (body === null || body instanceof Uint8Array || request.method === 'HEAD') {
    permit.leave()
    return response
  }
  // Its shape has begun: what is left is reading.
  permit.settle()
  const leave = () => permit.leave()
  request.signal.addEventListener('abort', leave, { once: true })
  if (request.signal.aborted) leave()
  // Thousands of event streams may wait: they spare the wrapper.
  if (direct === undefined) return { ...response, body: leaving(body, permit) }
  direct.ended = leave
  return response
}

async function* leaving(body: AsyncIterable<Uint8Array>, permit: Permit): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } finally {
    permit.leave()
  }
}

async function* iterate(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
  await pause(0)
}

/** What an engine that is not ready is at. */
export type Stage = 'lock' | 'connection' | 'slot' | 'misconfigured'

const stageTexts: Readonly<Record<Stage, string>> = {
  lock: 'Timeout waiting for Postgres lock acquisition',
  connection: 'Timeout waiting for replication connection',
  slot: 'Timeout waiting for replication slot creation',
  misconfigured: 'The engine cannot stream',
}

/** Text of a 503 while the engine is not ready; `cause` says what is wrong, with the remedy. */
export const notReady = (stage: Stage, cause: string | undefined): string =>
  cause === undefined ? stageTexts[stage] : `${stageTexts[stage]}: ${cause}`
