// Routes as data: what the HTTP layer mounts, what the API reference prints, and what the forbidden matrix calls.
import { z } from 'zod'
import type { Actor, RequiredScope, SignedIn } from './actor.ts'
import { writeAnswer } from './answers.ts'
import type { AnyCommand, WriteOutcome } from './command.ts'
import type { Reader } from './database.ts'
import type { Limit } from './windows.ts'

/** Who may call (domain rules, section 1.2). PUBLIC and USER are enforced at the mount, the others by policies. */
export type Access =
  | 'PUBLIC'
  | 'USER'
  | 'SELF'
  | 'MEMBER'
  | 'EDITOR'
  | 'OWNER'
  | 'CONTRIB'
  | 'PADMIN'
  | 'DOCVIEW'
  | 'DOCEDIT'
  | 'AUTHOR'
  | 'ADMIN'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

interface RouteBase {
  readonly method: Method
  /** Koa path; parameters as `:id`. Literal segments win over parameters whatever the order of the list. */
  readonly path: string
  /** Required, without default: a route that does not say who may call it cannot be mounted. */
  readonly access: Access
  readonly summary: string
  /** What an API token needs where `scopeOf` would say something else. */
  readonly scope?: RequiredScope
  /** Other spellings of the path that do the same. */
  readonly aliases?: readonly string[]
  /** Limits of this route beside the general one and those of its command, counted before the body is read. */
  readonly limits?: readonly RouteLimit[]
}

/** Per signed-in person (per address for anonymous callers), or always per address. */
export type RouteLimit = Limit & { readonly per: 'person' | 'ip' }

export interface ReadContext {
  readonly actor: SignedIn
  readonly reader: Reader
  readonly now: Date
}

/** GET: runs in a READ ONLY transaction; the answer is the JSON of what `run` returns ({data} or {data, next_cursor}). */
export interface ReadRoute<Query extends z.ZodType = z.ZodType> extends RouteBase {
  readonly kind: 'read'
  readonly method: 'GET'
  /** Query parameters, strict: unknown ones are 422. */
  readonly query: Query
  readonly response: z.ZodType
  run(context: ReadContext, params: Readonly<Record<string, string>>, query: z.output<Query>): Promise<unknown>
}

/** A write: the body (plus path parameters) becomes the arguments of a command. */
export interface WriteRoute extends RouteBase {
  readonly kind: 'write'
  readonly command: AnyCommand
  /** Path parameter → argument name; `{ id: 'task_id' }`. Parameters not named here keep their name. */
  readonly params?: Readonly<Record<string, string>>
  /** Arguments that may also come in the query (DELETE has no body in many clients). */
  readonly queryArgs?: readonly string[]
  /** 201 for creates. */
  readonly status?: 200 | 201
  /** The body limit in bytes; default 2 MiB. */
  readonly bodyLimit?: number
  /** The lowest version that If-Match may name: rows begin with 1 (default), contents with 0. */
  readonly lowestVersion?: 0 | 1
  /** Turns path parameters and body into the command's arguments where names alone do not do it. */
  readonly toArgs?: (params: Readonly<Record<string, string>>, body: Record<string, unknown>) => Record<string, unknown>
}

/** Everything that is neither: sign-in, transactions, uploads. It gets the request whole and answers by itself. */
export interface RawRoute extends RouteBase {
  readonly kind: 'raw'
  /** What `run` reads from the query and checks by itself. */
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  readonly response: z.ZodType
  /** Of the answer that `response` describes; default 200. */
  readonly status?: 201
  /** What the body may be; `bytes` and `stream` are neither parsed nor validated. Default `json`. */
  readonly accepts?: 'json' | 'json-or-form' | 'bytes' | 'stream'
  /** The body limit in bytes; default 2 MiB. */
  readonly bodyLimit?: number
  run(request: RawRequest): Promise<RawResponse>
}

export interface RawRequest {
  readonly actor: Actor
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /**
   * Parsed JSON (or form fields), validated against `body` where the route has one; a Uint8Array or an
   * AsyncIterable<Uint8Array> where the route accepts `bytes` or `stream`.
   */
  readonly body: unknown
  readonly ip: string
  readonly requestId: string
  readonly now: Date
  /** What the headers say about a write that the route hands on; 400 `invalid_header` for one that is malformed. */
  readonly writeOrigin: () => WriteOrigin
}

export interface RawResponse {
  readonly status: number
  /** Sent as JSON; a Uint8Array or AsyncIterable<Uint8Array> goes out as it is, undefined means no body. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Route = ReadRoute | WriteRoute | RawRoute

/** What an API token needs for `route`: its own word, that of its command, or `read` for GET and `write` for the rest. */
export const scopeOf = (route: Route): RequiredScope =>
  route.scope ??
  (route.kind === 'write' ? route.command.scope : undefined) ??
  (route.method === 'GET' ? 'read' : 'write')

/** What a successful answer of `route` is; a command that names no output belongs to no caller. */
export const successOf = (route: Route): { readonly status: number; readonly schema: z.ZodType } =>
  route.kind === 'write'
    ? { status: route.status ?? 200, schema: writeAnswer(route.command.output ?? z.never()) }
    : { status: (route.kind === 'raw' ? route.status : undefined) ?? 200, schema: route.response }

/** Keeps the query's type while a route is written as a literal. */
export const readRoute = <Query extends z.ZodType>(route: Omit<ReadRoute<Query>, 'kind' | 'method'>): ReadRoute =>
  ({ kind: 'read', method: 'GET', ...route }) as unknown as ReadRoute

export const writeRoute = (route: Omit<WriteRoute, 'kind'>): WriteRoute => ({ kind: 'write', ...route })

export const rawRoute = (route: Omit<RawRoute, 'kind'>): RawRoute => ({ kind: 'raw', ...route })

/** What every write takes from its request, whatever its route (domain rules, 1.4 and 1.6). */
export interface WriteOrigin {
  /** Header Skerry-Edited-At, already parsed. */
  readonly editedAt: Date | undefined
  /** Header Idempotency-Key, with a digest of method, target and body. */
  readonly idempotency: { readonly key: string; readonly requestHash: string } | undefined
  /** Origin noted in the activity: web, api, desktop … */
  readonly via: string
  readonly requestId: string
}

/** Runs a command for HTTP; made by the kernel, handed to the HTTP layer. */
export interface WriteRequest extends WriteOrigin {
  readonly actor: SignedIn
  readonly command: AnyCommand
  readonly args: Record<string, unknown>
  /** If-Match, or undefined. */
  readonly expectedVersion: number | undefined
}

export interface WriteAnswer {
  readonly status: number
  /** JSON text, sent as it is: a replay is equal byte for byte. */
  readonly body: string
  readonly replayed: boolean
}

/** Header of an answer that is the first one over again. */
export const replayedHeader = { 'Idempotency-Replayed': 'true' }

/** Runs one command as a REST write. Rejects with AppError; stored rejections replay as the same AppError. */
export type RunWrite = (request: WriteRequest, status: 200 | 201) => Promise<WriteAnswer>

/** What a command gives back, see command.ts. */
export type { WriteOutcome }
