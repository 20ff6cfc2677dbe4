import { expect, test } from 'vitest'
import { silentLog } from '#server/kernel/log.ts'
import type { LoggedUpdate } from './postgres-store.ts'
import { createUpdateLog, DocumentGone } from './update-log.ts'

const bytes = (value: number) => new Uint8Array([value])
const failure = (code: string) => Object.assign(new Error(code), { code })

/** A store whose statements wait until they are let go. */
const heldStore = () => {
  const statements: { updates: readonly LoggedUpdate[]; gate: PromiseWithResolvers<void> }[] = []
  return {
    statements,
    append: (updates: readonly LoggedUpdate[]) => {
      const gate = Promise.withResolvers<void>()
      statements.push({ updates, gate })
      return gate.promise
    },
  }
}

test('C-1 what arrives while a statement runs shares the next one, whatever document it is of', async () => {
  const store = heldStore()
  const log = createUpdateLog({ store, log: silentLog })
  const first = log.append('a', bytes(1))
  await expect.poll(() => store.statements.length).toBe(1)
  const others = [log.append('a', bytes(2)), log.append('b', bytes(3)), log.append('c', bytes(4))]
  store.statements[0]?.gate.resolve()
  await first
  await expect.poll(() => store.statements.length).toBe(2)
  expect(store.statements[1]?.updates.map(({ documentId }) => documentId)).toEqual(['a', 'b', 'c'])
  expect(log.pending()).toBe(3)
  store.statements[1]?.gate.resolve()
  await Promise.all(others)
  await log.idle()
  expect(log.pending()).toBe(0)
})

test('C-1 a statement that waits for a lock does not hold up the next one', async () => {
  const store = heldStore()
  const log = createUpdateLog({ store, log: silentLog })
  const stuck = log.append('a', bytes(1))
  await expect.poll(() => store.statements.length).toBe(1)
  const quick = log.append('b', bytes(2))
  await expect.poll(() => store.statements.length).toBe(2)
  store.statements[1]?.gate.resolve()
  await quick
  store.statements[0]?.gate.resolve()
  await stuck
})

test('C-2 a failing statement is taken apart: one deleted document fails alone', async () => {
  const stored: string[] = []
  const log = createUpdateLog({
    log: silentLog,
    store: {
      append: async updates => {
        if (updates.some(({ documentId }) => documentId === 'gone')) throw failure('23503')
        stored.push(...updates.map(({ documentId }) => documentId))
      },
    },
  })
  const results = await Promise.allSettled([
    log.append('a', bytes(1)),
    log.append('gone', bytes(2)),
    log.append('b', bytes(3)),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(DocumentGone)
  expect(stored.toSorted()).toEqual(['a', 'b'])
})

test('C-2 a short failure is overcome; a long one is reported after the deadline', async () => {
  let failing = 3
  const recovers = createUpdateLog({
    log: silentLog,
    store: {
      append: async () => {
        failing -= 1
        if (failing >= 0) throw failure('57P03')
      },
    },
  })
  await recovers.append('a', bytes(1))
  const lasting = createUpdateLog({
    log: silentLog,
    giveUpMs: 100,
    store: {
      append: async () => {
        throw failure('57P03')
      },
    },
  })
  await expect(lasting.append('a', bytes(1))).rejects.toMatchObject({ code: '57P03' })
  await lasting.idle()
})
