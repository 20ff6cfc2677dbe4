import { expect, test } from 'vitest'
import { AppError } from './errors.ts'
import { isConflict, isOutage, translate } from './postgres-errors.ts'

const failure = (fields: Record<string, string>, message = 'said') => Object.assign(new Error(message), fields)

test.each([
  [{ code: '23505', constraint: 'users_email_key' }, 'email_taken'],
  [{ code: '23505', constraint: 'application_members_user_key' }, 'already_member'],
  [{ code: '23514', constraint: 'application_members_last_owner' }, 'last_owner'],
  [{ code: '23505', constraint: 'invitations_pending_email' }, 'invitation_pending'],
  [{ code: '23505', constraint: 'projects_key_key' }, 'key_taken'],
  [{ code: '23505', constraint: 'task_statuses_name_key' }, 'name_taken'],
  [{ code: '23514', constraint: 'tasks_depth_check' }, 'validation_failed'],
  [{ code: '23505', constraint: 'anything_pkey' }, 'id_taken'],
  [{ code: '57014' }, 'timeout'],
  [{ code: '55P03' }, 'timeout'],
  [{ code: '40001' }, 'conflict_retry'],
  [{ code: '40P01' }, 'conflict_retry'],
  [{ code: '57P01' }, 'unavailable'],
  [{ code: 'ECONNREFUSED' }, 'unavailable'],
])('%j is %s', (fields, code) => {
  expect(translate(failure(fields))).toMatchObject({ code })
})

test('what is nobody’s rule stays what it was', () => {
  const unknown = failure({ code: '23514', constraint: 'something_check' })
  expect(translate(unknown)).toBe(unknown)
  expect(translate('text')).toBe('text')
  const own = new AppError('not_found')
  expect(translate(own)).toBe(own)
})

test('only whole-transaction conflicts are tried again; a lost connection is an outage', () => {
  expect([isConflict(failure({ code: '40001' })), isConflict(failure({ code: '23505' }))]).toEqual([true, false])
  expect(isOutage(failure({}, 'Connection terminated unexpectedly'))).toBe(true)
  expect(isOutage(failure({}, 'syntax error'))).toBe(false)
})
