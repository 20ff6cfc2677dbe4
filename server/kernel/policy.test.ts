import { expect, test } from 'vitest'
import type { SignedIn } from './actor.ts'
import { codes, decide, decision, type Policy, type Standing, stranger } from './policy.ts'

const standing = (role: Standing['role'], projectRole?: Standing['projectRole']): Standing => ({
  role,
  projectRole,
  applicationArchived: false,
})
const all: readonly [string, Standing][] = [
  ['owner', standing('owner')],
  ['editor+admin', standing('editor', 'admin')],
  ['editor+member', standing('editor', 'member')],
  ['editor', standing('editor')],
  ['viewer', standing('viewer')],
  // a project row never helps a viewer or a stranger
  ['viewer+admin', standing('viewer', 'admin')],
  ['stranger+admin', standing(undefined, 'admin')],
]

test.each([
  ['MEMBER', ['owner', 'editor+admin', 'editor+member', 'editor', 'viewer', 'viewer+admin']],
  ['EDITOR', ['owner', 'editor+admin', 'editor+member', 'editor']],
  ['CONTRIB', ['owner', 'editor+admin', 'editor+member']],
  ['PADMIN', ['owner', 'editor+admin']],
  ['OWNER', ['owner']],
] as const)('%s holds for %j', (code, expected) => {
  expect(all.filter(([, one]) => codes[code](one)).map(([name]) => name)).toEqual(expected)
})

interface Row {
  readonly author: string
}
const policy: Policy<'read' | 'edit' | 'anything', Row> = {
  entity: 'thing',
  scopeOf: () => ({ applicationId: 'a' }),
  actions: { read: 'MEMBER', edit: (row, actor) => row.author === actor.userId, anything: () => true },
}
const ann: SignedIn = { kind: 'user', userId: 'ann', displayName: '', sessionPublicId: 's', isAdmin: true }
const row = { author: 'ann' }

test('D10 a stranger is shown nothing, whatever a rule of the row or being server administrator says', () => {
  expect(decision(policy, 'anything', row, ann, stranger)).toBe('hidden')
  expect(decision(policy, 'edit', row, ann, standing('viewer'))).toBe('allowed')
  expect(decision(policy, 'edit', { author: 'bo' }, ann, standing('owner'))).toBe('forbidden')
  const server: SignedIn = { kind: 'system', reason: 'job', userId: undefined, displayName: '' }
  expect(decision(policy, 'read', row, server, stranger)).toBe('allowed')
  expect(decision(policy, 'read', row, { ...server, kind: 'import', userId: 'ann' }, stranger)).toBe('hidden')
})

test('D9 a row that is missing and one that is hidden are refused alike', async () => {
  const access = { standing: async () => stranger }
  const errors = await Promise.all(
    [row, undefined].map(one => decide(policy, 'read', one, ann, access).catch((error: unknown) => error)),
  )
  expect(errors.map(error => (error as { toBody(): unknown }).toBody())).toEqual([
    { code: 'not_found', message: 'Not found.' },
    { code: 'not_found', message: 'Not found.' },
  ])
})
