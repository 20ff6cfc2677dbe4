import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSettings, usage, variables } from './settings.ts'

const url = 'postgres://u:p@localhost:5432/db'
const least = { DATABASE_URL: url, ELECTRIC_INSECURE: 'true' }

const settingsOf = (env: Record<string, string>, args: readonly string[] = []) => {
  const read = readSettings(args, env)
  if (read.kind !== 'settings') throw new Error(JSON.stringify(read))
  return read
}

const problemsOf = (env: Record<string, string>, args: readonly string[] = []) => {
  const read = readSettings(args, env)
  return read.kind === 'problems' ? read.problems.map(({ name }) => name) : []
}

test('E10 exactly one of secret and insecure', () => {
  expect(problemsOf({ DATABASE_URL: url })).toEqual(['ELECTRIC_SECRET, ELECTRIC_INSECURE'])
  expect(problemsOf({ ...least, ELECTRIC_SECRET: 'x' })).toEqual(['ELECTRIC_SECRET, ELECTRIC_INSECURE'])
  expect(problemsOf({ DATABASE_URL: url, ELECTRIC_INSECURE: 'false' })).toHaveLength(1)
  expect(problemsOf({ DATABASE_URL: url, ELECTRIC_SECRET: '' })).toHaveLength(1)
  expect(settingsOf({ DATABASE_URL: url, ELECTRIC_SECRET: 'x', ELECTRIC_INSECURE: 'false' }).settings.secret).toBe('x')
  expect(settingsOf(least).settings.secret).toBeNull()
})

test('Electric’s environment is understood', () => {
  const { settings, warnings } = settingsOf({
    ...least,
    ELECTRIC_PORT: '4001',
    ELECTRIC_LISTEN_ON_IPV6: 'true',
    ELECTRIC_STORAGE_DIR: '/var/shapes',
    ELECTRIC_REPLICATION_STREAM_ID: 'mine',
    ELECTRIC_MANUAL_TABLE_PUBLISHING: 'true',
    ELECTRIC_ENABLE_INTEGRATION_TESTING: 'true',
    ELECTRIC_SHAPE_CHUNK_BYTES_THRESHOLD: '10000',
    ELECTRIC_CACHE_MAX_AGE: '1',
    ELECTRIC_CACHE_STALE_AGE: '3',
    ELECTRIC_LONG_POLL_TIMEOUT: '5s',
    ELECTRIC_DB_POOL_SIZE: '7',
    ELECTRIC_MAX_SHAPES: '9',
    ELECTRIC_MAX_CONCURRENT_REQUESTS: '{"initial": 5}',
    ELECTRIC_TCP_SEND_TIMEOUT: '1500',
    ELECTRIC_TCP_READ_TIMEOUT: '2m',
    ELECTRIC_LOG_LEVEL: 'warning',
  })
  expect(settings).toEqual({
    databaseUrl: url,
    secret: null,
    port: 4001,
    host: '::',
    storageDir: '/var/shapes',
    replicationId: 'mine',
    manual: true,
    allowDelete: true,
    chunkBytes: 10_000,
    maxAge: 1,
    staleAge: 3,
    longPollMs: 5000,
    poolSize: 7,
    maxShapes: 9,
    admission: { initial: 5, existing: 10_000 },
    sendTimeoutMs: 1500,
    readTimeoutMs: 120_000,
    level: 'warn',
  })
  expect(warnings).toEqual([])
})

test('defaults, empty variables, and the command line before the environment', () => {
  const { settings } = settingsOf({ ...least, ELECTRIC_PORT: '', ELECTRIC_CACHE_MAX_AGE: '5' }, ['--max-age', '7'])
  expect(settings).toMatchObject({ port: 3000, host: undefined, maxAge: 7, staleAge: 300, maxShapes: undefined })
  expect(settings.admission).toEqual({ initial: 300, existing: 10_000 })
  expect(settingsOf({ ...least, ELECTRIC_LISTEN_ON_IPV6: 'false' }).settings.host).toBe('0.0.0.0')
  expect(readSettings(['--help'], {})).toEqual({ kind: 'help' })
})

test('everything that is wrong is said at once, with a remedy', () => {
  const read = readSettings(['--chunk-bytes', 'many'], {
    DATABASE_URL: 'mysql://x',
    ELECTRIC_PORT: '99999',
    ELECTRIC_LOG_LEVEL: 'loud',
    ELECTRIC_LONG_POLL_TIMEOUT: '3 days',
    ELECTRIC_MAX_CONCURRENT_REQUESTS: '{"initial": -1}',
    ELECTRIC_REPLICATION_STREAM_ID: 'Not So',
    ELECTRIC_MANUAL_TABLE_PUBLISHING: 'maybe',
  })
  if (read.kind !== 'problems') throw new Error(read.kind)
  expect(read.problems.map(({ name }) => name).sort()).toEqual([
    '--chunk-bytes',
    'DATABASE_URL',
    'ELECTRIC_LOG_LEVEL',
    'ELECTRIC_LONG_POLL_TIMEOUT',
    'ELECTRIC_MANUAL_TABLE_PUBLISHING',
    'ELECTRIC_MAX_CONCURRENT_REQUESTS',
    'ELECTRIC_PORT',
    'ELECTRIC_REPLICATION_STREAM_ID',
    'ELECTRIC_SECRET, ELECTRIC_INSECURE',
  ])
  expect(read.problems.every(({ cause, remedy }) => cause !== '' && remedy !== '')).toBe(true)
  expect(problemsOf(least, ['--nonsense', 'extra'])).toEqual(['--nonsense', 'extra'])
  expect(problemsOf({}, ['--database-url', url, '--secret', 's', '--bogus'])).toEqual(['--bogus'])
  expect(problemsOf({}, ['--database-url', url, '--secret'])).toEqual(['--secret'])
  expect(problemsOf({ ELECTRIC_INSECURE: '1' })).toEqual(['DATABASE_URL'])
})

test('variables without effect are named once, and never their values', () => {
  const { warnings } = settingsOf({
    ...least,
    ELECTRIC_NONSENSE: 'hush',
    ELECTRIC_OTHER: 'hush',
    ELECTRIC_POOLED_DATABASE_URL: 'postgres://u:hush@pooler/db',
    PATH: '/bin',
  })
  expect(warnings).toEqual([
    'ELECTRIC_POOLED_DATABASE_URL has no effect: all connections are direct',
    'unknown settings, without effect: ELECTRIC_NONSENSE, ELECTRIC_OTHER',
  ])
})

test('a certificate goes into the URL, where the driver looks for it', () => {
  const { settings } = settingsOf({ ...least, ELECTRIC_DATABASE_CA_CERTIFICATE_FILE: '/etc/ca file.pem' })
  expect(settings.databaseUrl).toBe(`${url}?sslrootcert=%2Fetc%2Fca%20file.pem&sslmode=verify-full`)
})

test('the help and the documentation name every setting', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const name of variables) {
    expect(usage).toContain(name)
    expect(readme).toContain(`\`${name}\``)
  }
})
