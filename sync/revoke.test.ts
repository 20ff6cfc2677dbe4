import { expect, test } from 'vitest'
import { createRevocations, type EndReason, type OpenRequest } from './revoke.ts'

const asking = (sessionPublicId: string | undefined, ends: EndReason[]): OpenRequest => ({
  userId: 'ann',
  sessionPublicId,
  applicationId: undefined,
  end: reason => void ends.push(reason),
})

test('a request whose session ended while it was on its way ends as it comes in; those of other sessions stay', () => {
  let now = 0
  const revocations = createRevocations(
    async () => true,
    () => now,
  )
  const [open, late, other, anonymous, next]: EndReason[][] = [[], [], [], [], []]
  const leave = revocations.enter(asking('s1', open ?? []))
  revocations.sessionEnded('ann', 's1')
  revocations.enter(asking('s1', late ?? []))
  revocations.enter(asking('s2', other ?? []))
  revocations.enter(asking(undefined, anonymous ?? []))
  expect([open, late, other, anonymous]).toEqual([['session_ended'], ['session_ended'], [], []])
  // what ended long ago is forgotten when another one ends
  now = 200_000
  revocations.sessionEnded('ann', 's3')
  revocations.enter(asking('s3', next ?? []))
  expect(next).toEqual(['session_ended'])
  leave()
  expect(revocations.size()).toBe(4)
})
