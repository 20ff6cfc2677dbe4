// Doors as data: what the API reference prints of requests that no route answers, since shapes and sockets have an entrance
// of their own. A door is written beside its entrance, from what the entrance itself goes by.
import type { z } from 'zod'
import type { RequiredScope } from './actor.ts'

export interface DoorAnswer {
  readonly description: string
  readonly headers?: z.ZodObject
  /** By content type; `error`: the form of all errors as well. */
  readonly content?: Readonly<Record<string, z.ZodType>>
  readonly error?: boolean
}

export interface Door {
  readonly method: 'GET' | 'POST'
  /** As a route's. */
  readonly path: string
  readonly summary: string
  /** Markdown. */
  readonly description: string
  /** What an API token needs. */
  readonly scope: RequiredScope
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly headers?: z.ZodObject
  /** JSON. */
  readonly body?: z.ZodType
  /** By status. */
  readonly answers: Readonly<Record<`${1 | 2 | 3 | 4 | 5}${string}`, DoorAnswer>>
}
