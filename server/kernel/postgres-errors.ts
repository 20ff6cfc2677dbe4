// What a Postgres error means for the caller: retry inside, a rule of the schema that was broken, or an outage.
import { AppError, type ErrorCode, type IssueCode, invalidAt } from './errors.ts'

/** The fields of a server error that we read. */
interface PostgresError {
  readonly code?: string
  readonly constraint?: string
  readonly message: string
}

const asPostgresError = (error: unknown): PostgresError | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? (error as PostgresError) : undefined

/** Serialization failure or deadlock: the whole transaction may be tried again. */
export const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(asPostgresError(error)?.code ?? '')

const outage = new Set([
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08000',
  '08003',
  '08006',
  '08001',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
])

/** The database went away or does not answer. */
export const isOutage = (error: unknown): boolean => {
  const found = asPostgresError(error)
  if (found && outage.has(found.code ?? '')) return true
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
      error.message,
    )
  )
}

const constraints: Readonly<Record<string, ErrorCode>> = {
  users_email_key: 'email_taken',
  application_members_user_key: 'already_member',
  application_members_last_owner: 'last_owner',
  invitations_pending_user: 'invitation_pending',
  invitations_pending_email: 'invitation_pending',
  projects_key_key: 'key_taken',
  project_members_user_key: 'already_member',
  task_statuses_name_key: 'name_taken',
  place_names_name_key: 'name_taken',
  document_contents_size_check: 'body_too_large',
  document_tags_application_name_key: 'name_taken',
  document_tags_user_name_key: 'name_taken',
  document_templates_application_name_key: 'name_taken',
  document_templates_user_name_key: 'name_taken',
}

const checks: Readonly<Record<string, readonly [string, IssueCode, string]>> = {
  tasks_depth_check: ['parent_id', 'depth_exceeded', 'A task stands at most five levels below its topmost parent.'],
  document_folders_depth_check: ['parent_id', 'depth_exceeded', 'Folders lie at most five levels below the topmost.'],
  document_folders_cycle_check: ['parent_id', 'parent_cycle', 'A folder cannot lie below itself.'],
}

/** Turns what the database refused into the catalogue's error; anything else is answered unchanged. */
export const translate = (error: unknown): unknown => {
  if (error instanceof AppError) return error
  const found = asPostgresError(error)
  const code = constraints[found?.constraint ?? '']
  if (code) return new AppError(code, { cause: error })
  const check = checks[found?.constraint ?? '']
  if (check) return invalidAt(...check)
  if (found?.code === '23505' && found.constraint?.endsWith('_pkey')) return new AppError('id_taken', { cause: error })
  if (found?.code === '57014' || found?.code === '55P03') return new AppError('timeout', { cause: error })
  if (isConflict(error)) return new AppError('conflict_retry', { cause: error })
  if (isOutage(error)) return new AppError('unavailable', { cause: error })
  return error
}
