// Writes that share a transaction tell people together.
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { SignedIn } from './actor.ts'
import { systemClock } from './clock.ts'
import { defineCommand } from './command.ts'
import type { Database, WriteTx } from './database.ts'
import { createShare } from './groups.ts'
import { silentLog } from './log.ts'
import { mutateOnce, type MutationDeps } from './mutation.ts'
import type { Announcement } from './notices.ts'
import { stranger } from './policy.ts'

test('what all who share a transaction tell goes out once, at its end, each with its actor', async () => {
  const told: (readonly Announcement[])[] = []
  const write = (async work => {
    const lasts: (() => void)[] = []
    const last = (one: () => void) => void lasts.push(one)
    const answer = await work({} as WriteTx, { later: () => undefined, last, xid: async () => 1 })
    expect(told).toEqual([])
    for (const one of lasts) one()
    return answer
  }) as Database['write']
  const deps: MutationDeps = {
    database: { write } as Database,
    share: createShare({ write }),
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    findStanding: async () => stranger,
    notify: (_transaction, announcements) => void told.push(announcements),
    onEvents: () => undefined,
  }
  const tell = defineCommand({
    name: 'test.tell',
    summary: 'Tells somebody.',
    access: 'USER',
    input: z.string(),
    inTransactions: true,
    lane: name => name,
    run: async (context, name) => {
      context.notify({ type: 'system', to: [name], title: name, applicationId: undefined })
      return { data: name }
    },
  })
  const by = (userId: string): SignedIn => ({
    kind: 'user',
    userId,
    displayName: userId,
    sessionPublicId: '',
    isAdmin: false,
  })
  const run = (name: string, actor: SignedIn) =>
    mutateOnce(deps, {
      actor,
      mutations: [{ command: tell, input: name }],
      editedAt: undefined,
      expectedVersion: undefined,
      via: 'api',
      requestId: undefined,
    })
  await Promise.all([run('one', by('ann')), run('two', by('bo'))])
  expect(told).toMatchObject([
    [
      { notices: [{ title: 'one' }], actor: { userId: 'ann' } },
      { notices: [{ title: 'two' }], actor: { userId: 'bo' } },
    ],
  ])
})
