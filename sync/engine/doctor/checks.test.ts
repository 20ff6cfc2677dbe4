import { describe, expect, test } from 'vitest'
import { checkConnection, checkFacts, checkReplication, checkStorage, type Wanted } from './checks.ts'
import type { Facts, SlotFacts, TableFacts } from './facts.ts'
import { exitCodeOf, type Finding, printFindings, size } from './findings.ts'

const wanted: Wanted = { publication: 'pub', slot: 'slot_a', mode: 'manual' }
const table = (more: Partial<TableFacts> = {}): TableFacts => ({
  name: 'public.items',
  fullIdentity: true,
  hasKey: true,
  readable: true,
  rowSecurity: false,
  owned: true,
  ...more,
})
const slot = (more: Partial<SlotFacts> = {}): SlotFacts => ({
  plugin: 'pgoutput',
  database: 'app',
  isHere: true,
  walStatus: 'reserved',
  retained: 1000,
  holder: null,
  ...more,
})
const healthy: Facts = {
  version: 180_004,
  database: 'app',
  role: 'sync',
  pooled: false,
  settings: {
    wal_level: 'logical',
    max_replication_slots: '10',
    max_wal_senders: '10',
    max_slot_wal_keep_size: '10240',
    wal_sender_timeout: '60000',
  },
  mayReplicate: true,
  mayCreate: true,
  slotsUsed: 1,
  sendersUsed: 1,
  publication: { owned: true, missing: [], tables: [table()] },
  slot: slot(),
  idleSlots: [],
  oldTransactions: [],
  preparedTransactions: 0,
}
const bad = (facts: Partial<Facts>, mode: Wanted['mode'] = 'manual'): Finding[] =>
  checkFacts({ ...healthy, ...facts }, { ...wanted, mode }).filter(({ level }) => level !== 'ok')

describe('a database', () => {
  test('in good order has nothing to mend', () => {
    expect(bad({})).toEqual([])
    expect(bad({}, 'automatic')).toEqual([])
    expect(bad({ publication: null, slot: null }, 'automatic')).toEqual([])
  })

  test.each<[string, Partial<Facts>, string, RegExp]>([
    ['an old version', { version: 150_007 }, 'fail', /upgrade to 16/],
    ['a pooler', { pooled: true }, 'fail', /address of Postgres itself/],
    [
      'wal_level',
      { settings: { ...healthy.settings, wal_level: 'replica' } },
      'fail',
      /wal_level = 'logical' and restart/,
    ],
    ['no slot free', { slotsUsed: 10, slot: null }, 'fail', /max_replication_slots = 15/],
    ['no sender free', { sendersUsed: 10 }, 'fail', /max_wal_senders = 15/],
    ['no right to replicate', { mayReplicate: false }, 'fail', /ALTER ROLE "sync" REPLICATION/],
    ['no publication', { publication: null }, 'fail', /CREATE PUBLICATION "pub"/],
    [
      'half a publication',
      { publication: { owned: true, missing: ['truncate'], tables: [] } },
      'fail',
      /SET \(publish =/,
    ],
    [
      'replica identity',
      { publication: { owned: true, missing: [], tables: [table({ fullIdentity: false })] } },
      'fail',
      /REPLICA IDENTITY FULL/,
    ],
    [
      'unreadable',
      { publication: { owned: true, missing: [], tables: [table({ readable: false })] } },
      'fail',
      /GRANT SELECT/,
    ],
    [
      'row security',
      { publication: { owned: true, missing: [], tables: [table({ rowSecurity: true })] } },
      'warn',
      /BYPASSRLS/,
    ],
    ['no key', { publication: { owned: true, missing: [], tables: [table({ hasKey: false })] } }, 'warn', /add one/],
    ['a slot elsewhere', { slot: slot({ isHere: false, database: 'other' }) }, 'fail', /--replication-id/],
    ['another plugin', { slot: slot({ plugin: 'test_decoding' }) }, 'fail', /pg_drop_replication_slot\('slot_a'\)/],
    ['a lost slot', { slot: slot({ walStatus: 'lost' }) }, 'warn', /makes a new slot/],
    ['a slot about to be lost', { slot: slot({ walStatus: 'unreserved' }) }, 'warn', /before the next checkpoint/],
    ['much WAL', { slot: slot({ retained: 5e9 }) }, 'warn', /start the engine/],
    ['much WAL, read', { slot: slot({ retained: 5e9, holder: 'process 7' }) }, 'warn', /log and metrics/],
    [
      'an idle slot',
      { idleSlots: [{ name: 'skerry_slot_old', retained: 2e6 }] },
      'warn',
      /pg_drop_replication_slot\('skerry_slot_old'\)/,
    ],
    ['no bound', { settings: { ...healthy.settings, max_slot_wal_keep_size: '-1' } }, 'warn', /'10GB'/],
    [
      'an old transaction',
      { oldTransactions: [{ pid: 42, minutes: 9, application: 'psql' }] },
      'warn',
      /pg_terminate_backend\(42\)/,
    ],
    ['prepared ones', { preparedTransactions: 2 }, 'warn', /COMMIT PREPARED/],
  ])('%s is found, with its remedy', (_name, facts, level, remedy) => {
    const found = bad(facts)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ level })
    expect(found[0]?.remedy).toMatch(remedy)
  })

  test('rights that only the automatic mode needs', () => {
    expect(bad({ mayCreate: false })).toEqual([])
    expect(bad({ mayCreate: false, publication: null }, 'automatic')[0]?.remedy).toMatch(
      /GRANT CREATE ON DATABASE "app"/,
    )
    const foreign = { owned: false, missing: [], tables: [] }
    expect(bad({ publication: foreign })).toEqual([])
    expect(bad({ publication: foreign }, 'automatic')[0]?.remedy).toMatch(/OWNER TO "sync"/)
  })
})

test.each<[object, RegExp]>([
  [{ code: '28P01', message: 'password authentication failed' }, /user and password/],
  [{ code: '3D000', message: 'database "x" does not exist' }, /create the database/],
  [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, /start Postgres/],
  [{ code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND' }, /correct the host/],
  [{ code: '53300', message: 'too many clients' }, /max_connections/],
  [{ message: 'The server does not support SSL connections' }, /sslmode/],
  [{ message: 'something new' }, /correct the URL/],
])('a connection that fails with %o has a remedy', (error, remedy) => {
  expect(checkConnection(Object.assign(new Error(), error))).toMatchObject({
    level: 'fail',
    remedy: expect.stringMatching(remedy),
  })
})

test('a replication connection that is refused is told from one that a pooler eats', () => {
  expect(checkReplication(new Error('unsupported startup parameter: replication')).remedy).toMatch(/pooler/)
  expect(checkReplication(new Error('no pg_hba.conf entry')).remedy).toMatch(/pg_hba/)
  expect(checkReplication(new Error('permission denied')).remedy).toMatch(/REPLICATION/)
})

test('the storage folder: writable, roomy, or with the cause', () => {
  expect(checkStorage('/a', { free: 5e10 })).toMatchObject({ level: 'ok', found: '/a: 50.0 GB free' })
  expect(checkStorage('/a', { free: 1e6 })).toMatchObject({ level: 'warn' })
  expect(checkStorage('/a', { error: 'EROFS' })).toMatchObject({ level: 'fail', found: '/a: EROFS' })
})

test('findings are printed with their remedies below, and decide the exit code', () => {
  const findings: Finding[] = [
    { level: 'ok', check: 'a', found: 'fine' },
    { level: 'warn', check: 'long one', found: 'odd', remedy: 'look' },
  ]
  expect(printFindings(findings)).toBe('ok    a         fine\nWARN  long one  odd\n                → look')
  expect(exitCodeOf(findings)).toBe(0)
  expect(exitCodeOf([...findings, { level: 'fail', check: 'b', found: 'c', remedy: 'd' }])).toBe(1)
  expect([size(0), size(999), size(1500), size(123_456_789), size(2.5e12)]).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '123 MB',
    '2.5 TB',
  ])
})
