// The error catalogue: every code Skerry answers with, its status, and what a client may do about it.
// Source: the domain rules, section 1.5. A test checks that each code is used and documented.

interface Entry {
  readonly status: number
  readonly message: string
}

const entries = {
  bad_request: [400, 'The request is malformed.'],
  invalid_json: [400, 'The body is not valid JSON.'],
  invalid_header: [400, 'A header has an invalid value.'],
  invalid_cursor: [400, 'The cursor is damaged or was made for other filters; start again without it.'],
  unauthenticated: [401, 'Sign in first.'],
  invalid_credentials: [401, 'The e-mail address or the password is wrong.'],
  forbidden: [403, 'You may see this, but not do that to it.'],
  scope_missing: [403, 'The API token is not for this; details.required names the scope, or `session`.'],
  csrf_failed: [403, 'The request comes from an origin that is not allowed.'],
  account_disabled: [403, 'This account is disabled.'],
  not_found: [404, 'Not found.'],
  id_taken: [409, 'The id is in use already.'],
  idempotency_mismatch: [409, 'The key or id was used before with another content.'],
  request_in_progress: [409, 'The same request is still running.'],
  version_conflict: [409, 'The row has changed since that version.'],
  name_taken: [409, 'The name is in use already.'],
  key_taken: [409, 'The project key is in use already.'],
  email_taken: [409, 'The e-mail address belongs to an account already.'],
  already_member: [409, 'The person is a member already.'],
  invitation_pending: [409, 'An invitation for this person is pending already.'],
  invitation_closed: [409, 'The invitation is no longer open.'],
  last_owner: [409, 'An application needs at least one owner.'],
  last_admin: [409, 'A project needs at least one admin.'],
  own_role: [409, 'Nobody changes his own role.'],
  has_active_tasks: [409, 'The person has open tasks; say what becomes of them.'],
  task_done: [409, 'The task is done and frozen; reopen it first.'],
  task_archived: [409, 'The task is archived; bring it back first.'],
  project_archived: [409, 'The project is archived.'],
  application_archived: [409, 'The application is archived.'],
  last_of_category: [409, 'The last todo and the last done status of a project stay.'],
  status_not_empty: [409, 'The status holds tasks; name a status for them.'],
  unassigned_tasks: [409, 'Tasks without assignee cannot go to that status.'],
  not_in_trash: [409, 'It is not in the trash.'],
  locked: [409, 'Somebody else holds the lock of this document.'],
  lock_held: [409, 'Somebody else holds the lock.'],
  lock_not_held: [409, 'You do not hold the lock.'],
  comment_deleted: [409, 'The comment has been deleted.'],
  limit_reached: [409, 'A limit is reached.'],
  invitation_expired: [410, 'The invitation has expired.'],
  body_too_large: [413, 'The body is too large.'],
  unsupported_media_type: [415, 'The content type is not supported here.'],
  validation_failed: [422, 'The input is not valid.'],
  rate_limited: [429, 'Too many requests; try again later.'],
  internal: [500, 'Something went wrong on the server.'],
  unavailable: [503, 'The server cannot answer now; try again.'],
  conflict_retry: [503, 'Too many simultaneous changes; try again.'],
  timeout: [503, 'The request took too long; try again.'],
} as const satisfies Record<string, readonly [number, string]>

export type ErrorCode = keyof typeof entries

/** Codes of single issues inside `validation_failed`. */
export const issueCodes = [
  'required',
  'unknown_field',
  'bad_format',
  'too_short',
  'too_long',
  'out_of_range',
  'not_in_enum',
  'nothing_to_change',
  'duplicate_ids',
  'incomplete_list',
  'status_foreign',
  'parent_foreign',
  'parent_trashed',
  'parent_cycle',
  'depth_exceeded',
  'subtask_requires_parent',
  'assignee_not_eligible',
  'assignee_required',
  'reporter_not_member',
  'lead_not_eligible',
  'folder_foreign',
  'tag_foreign',
  'template_foreign',
  'role_not_allowed',
  'reply_to_reply',
  'target_required',
] as const
export type IssueCode = (typeof issueCodes)[number]

/** One thing wrong with the input; `path` is dotted, '' for the whole. */
export interface Issue {
  readonly path: string
  readonly code: IssueCode
  readonly message: string
}

const longestEcho = 100

/** What a caller wrote, as it may stand in an answer: it may be anything, a whole body with a password too. */
export const echoed = (text: string): string => (text.length > longestEcho ? `${text.slice(0, longestEcho)}…` : text)

/** code → status and sentence, for the API reference. */
export const catalogue: Readonly<Record<ErrorCode, Entry>> = Object.fromEntries(
  Object.entries(entries).map(([code, [status, message]]) => [code, { status, message }]),
) as Record<ErrorCode, Entry>

/** Clients repeat a request after 429, 500 or 503 (or no answer); everything else is final. */
export const isRetryable = (code: ErrorCode): boolean => [429, 500, 503].includes(catalogue[code].status)

/** An error that becomes an answer. Anything else that is thrown becomes `internal`. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>> | undefined
  /** Seconds, for Retry-After. */
  readonly retryAfter: number | undefined

  constructor(
    code: ErrorCode,
    options: { message?: string; details?: Record<string, unknown>; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(options.message ?? catalogue[code].message, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.details = options.details
    this.retryAfter = options.retryAfter ?? (catalogue[code].status === 503 ? 1 : undefined)
  }

  get status(): number {
    return catalogue[this.code].status
  }

  /** The `error` object of an answer, without the request id. */
  toBody(): { code: ErrorCode; message: string; details?: Readonly<Record<string, unknown>> } {
    return { code: this.code, message: this.message, ...(this.details ? { details: this.details } : {}) }
  }
}

/** Of more faults than these only the number is told: a body of a few megabytes may have a hundred thousand. */
const mostIssues = 1000

/** 422 with all `issues` at once; `details.more` counts those beyond the first thousand. */
export const invalid = (issues: readonly Issue[]): AppError => {
  const more = issues.length - mostIssues
  const details = more > 0 ? { issues: issues.slice(0, mostIssues), more } : { issues }
  return new AppError('validation_failed', { details })
}

/** 422 with one issue. */
export const invalidAt = (path: string, code: IssueCode, message: string): AppError =>
  invalid([{ path, code, message }])

/** 404, alike for the missing and the hidden. */
export const notFound = (): AppError => new AppError('not_found')
