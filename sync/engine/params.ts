// A request's parameters, checked in the stages and with the texts of the protocol. Nothing here asks Postgres.
import { type Offset, parseOffset } from './lsn.ts'
import { defaults, type FieldErrors } from './protocol.ts'
import { type Query, readFlag, readQuery, readText } from './query.ts'
import { type SubsetParams, subsetOfBody, subsetOfQuery } from './subset-params.ts'

/** What defines the shape, as the request says it. */
export interface ShapeParams {
  readonly table: string | null
  readonly where: string | null
  readonly params: Readonly<Record<string, string>>
  readonly columns: string | null
  readonly queryableColumns: string | null
  readonly replica: 'default' | 'full'
  readonly log: 'full' | 'changes_only'
  /** `experimental_compaction`: accepted, and without effect on what is sent. */
  readonly compaction: boolean
}

export interface RequestParams {
  readonly shape: ShapeParams
  readonly offset: Offset | 'now'
  readonly handle: string | null
  readonly live: boolean
  readonly sse: boolean
  readonly cursor: string | null
  /** Offset and cursor in the words of the request. */
  readonly position: string
  readonly subset: SubsetParams | null
}

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: FieldErrors }

const wrongType = ['is invalid']

/** Checks that the keys are 1, 2, 3 … */
export const numberingError = (params: Readonly<Record<string, unknown>>): string | null => {
  const keys = Object.keys(params)
  if (keys.some(key => !/^\d+$/.test(key))) return 'Parameters can only use numbers as keys'
  const numbers = keys.map(Number).sort((a, b) => a - b)
  return numbers.every((number, index) => number === index + 1)
    ? null
    : 'Parameters must be numbered sequentially, starting from 1'
}

const choice = <T extends string>(value: string | null | undefined, allowed: readonly T[], fallback: T): T | null =>
  value === null ? fallback : (allowed.find(item => item === value) ?? null)

/** Fields and what is wrong with them, as they are found. */
type Errors = Record<string, readonly string[]>

const whereParams = (query: Query, errors: Errors): Readonly<Record<string, string>> => {
  const value = readQuery(query, 'params')
  if (value.kind === 'map' && !value.nested) return value.entries
  if (value.kind !== 'absent' && readText(query, 'params') !== null) errors['params'] = wrongType
  return {}
}

const castShape = (query: Query, errors: Errors): ShapeParams => {
  const text = (name: string): string | null => {
    const value = readText(query, name)
    if (value === undefined) errors[name] = wrongType
    return value ?? null
  }
  const replica = choice(readText(query, 'replica'), ['default', 'full'] as const, 'default')
  if (replica === null) errors['replica'] = wrongType
  const log = choice(readText(query, 'log'), ['full', 'changes_only'] as const, 'full')
  if (log === null) errors['log'] = wrongType
  return {
    table: text('table'),
    where: text('where'),
    params: whereParams(query, errors),
    columns: text('columns'),
    queryableColumns: text('queryable_columns'),
    replica: replica ?? 'default',
    log: log ?? 'full',
    compaction: readFlag(query, 'experimental_compaction') ?? false,
  }
}

const fail = (errors: FieldErrors) => ({ ok: false, errors }) as const

/** The shape-defining parameters, without the stages that concern positions. Used by DELETE as well. */
export const parseShapeParams = (query: Query): Checked<ShapeParams> => {
  const errors: Errors = {}
  const shape = castShape([...query], errors)
  return Object.keys(errors).length > 0 ? fail(errors) : { ok: true, value: shape }
}

/** What can be refused about a definition before its table is known. */
export const definitionErrors = ({ table, where, params }: ShapeParams): FieldErrors | null => {
  if (table === null) return { table: ["can't be blank"] }
  if (where === null) return null
  const numbering = numberingError(params)
  if (numbering !== null) return { params: [numbering] }
  return where.length > defaults.whereLimit ? { where: ['is too long'] } : null
}

/** Stages 1 to 5 of the validation, and what of stage 6 needs no table. */
export const parseRequest = (given: Query, body: Readonly<Record<string, unknown>> | null): Checked<RequestParams> => {
  const query = [...given]
  const errors: Errors = {}
  const offsetText = readText(query, 'offset')
  if (offsetText === null) errors['offset'] = ["can't be blank"]
  if (offsetText === undefined) errors['offset'] = wrongType
  const handle = readText(query, 'handle')
  if (handle === undefined) errors['handle'] = wrongType
  const shape = castShape(query, errors)
  const querySubset = subsetOfQuery(query)
  if (querySubset === undefined) errors['subset'] = wrongType
  if (Object.keys(errors).length > 0 || typeof offsetText !== 'string') return fail(errors)
  const offset = offsetText === 'now' ? 'now' : parseOffset(offsetText)
  if (offset === null) return fail({ offset: ['has invalid format'] })
  const fromStart = offset === 'now' || offset.tx < 0n
  if (!fromStart && handle === null) return fail({ handle: ["can't be blank when offset != -1"] })
  const live = readFlag(query, 'live') ?? false
  const sse = readFlag(query, 'live_sse') ?? readFlag(query, 'experimental_live_sse') ?? false
  if (live && offset === 'now') return fail({ live: ["can't be true when offset is 'now'"] })
  if (live && fromStart) return fail({ live: ["can't be true when offset == -1"] })
  if (sse && !live) return fail({ live_sse: ["can't be true unless live is also true"] })
  const refused = definitionErrors(shape)
  if (refused !== null) return fail(refused)
  const subset = querySubset ?? null
  const cursor = readText(query, 'cursor') ?? null
  return {
    ok: true,
    value: {
      shape,
      offset,
      handle: fromStart ? null : (handle ?? null),
      live,
      sse,
      cursor,
      position: `${offsetText} ${cursor}`,
      subset: body === null ? subset : subsetOfBody(body, subset),
    },
  }
}
