import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError } from './config-error.ts'
import { ensureSecretKey, loadConfig, networkTest, remedies } from './config.ts'

const problemsOf = (env: Record<string, string>) => {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('loadConfig', () => {
  test('nothing is required on one machine', () => {
    const config = loadConfig({})
    expect(config).toMatchObject({
      production: false,
      databaseUrl: 'embedded',
      databasePoolSize: 20,
      electric: undefined,
      publicUrl: 'http://127.0.0.1:4000',
      origins: ['http://127.0.0.1:4000', 'http://localhost:4000'],
      services: ['web', 'worker'],
      registration: 'open',
      sessionDays: 30,
      invitationDays: 14,
      rateLimits: true,
    })
    expect(Object.isFrozen(config)).toBe(true)
  })

  test('reads what is given; empty counts as absent', () => {
    const config = loadConfig({
      DATABASE_URL: 'postgres://me@db:5432/skerry',
      ELECTRIC_URL: 'http://electric:3000/',
      ELECTRIC_SECRET: 's',
      PUBLIC_URL: 'https://skerry.example.com/',
      CORS_ORIGINS: 'https://app.example.com, http://localhost:5173',
      SERVICES: 'worker',
      PORT: '0',
      TRUSTED_PROXIES: '10.0.0.0/8,::1',
      RATE_LIMITS: 'off',
      LOG_LEVEL: '',
    })
    expect(config.electric).toEqual({ url: 'http://electric:3000', secret: 's' })
    expect(config.origins).toEqual(['https://skerry.example.com', 'https://app.example.com', 'http://localhost:5173'])
    expect(config).toMatchObject({ services: ['worker'], port: 0, rateLimits: false, logLevel: 'info' })
  })

  test('lists all problems at once, each with cause and remedy', () => {
    const problems = problemsOf({
      DATABASE_URL: 'mysql://x',
      DATABASE_POOL_SIZE: '0',
      PORT: 'http',
      SERVICES: 'web,mail',
      REGISTRATION: 'maybe',
      CORS_ORIGINS: '*',
      TRUSTED_PROXIES: '10.0.0.0/33',
      SECRET_KEY: 'short',
      ELECTRIC_URL: 'http://electric:3000',
      SESSION_DAYS: '1.5',
      TLS_CERT: '/no/such/file.pem',
    })
    expect(problems.map(problem => problem.name).sort()).toEqual([
      'CORS_ORIGINS',
      'DATABASE_POOL_SIZE',
      'DATABASE_URL',
      'ELECTRIC_SECRET',
      'PORT',
      'REGISTRATION',
      'SECRET_KEY',
      'SERVICES',
      'SESSION_DAYS',
      'TLS_CERT',
      'TLS_KEY',
      'TRUSTED_PROXIES',
    ])
    for (const { cause, remedy } of problems) expect([cause.length > 5, remedy.length > 5]).toEqual([true, true])
    const text = new ConfigError(problems).message
    for (const { name } of problems) expect(text).toContain(`${name}: `)
    expect(text).not.toContain('short')
  })

  test('user and password in the address of Electric are refused, and not repeated', async () => {
    const address = 'http://ann:hush-hush@electric:3000'
    await expect(fetch(address)).rejects.toThrow('includes credentials')
    for (const ELECTRIC_URL of [address, 'http://ann@electric:3000', 'http://:hush-hush@electric:3000']) {
      const problems = problemsOf({ ELECTRIC_URL, ELECTRIC_SECRET: 's' })
      expect(problems).toMatchObject([{ name: 'ELECTRIC_URL', cause: expect.stringContaining('user or password') }])
      expect(new ConfigError(problems).message).not.toContain('hush-hush')
    }
  })

  test('production requires the settings marked so', () => {
    expect(problemsOf({ NODE_ENV: 'production' }).map(problem => problem.name)).toEqual([
      'DATABASE_URL',
      'PUBLIC_URL',
      'SECRET_KEY',
    ])
    const given = { DATABASE_URL: 'embedded', PUBLIC_URL: 'https://x.example', SECRET_KEY: 'k'.repeat(32) }
    expect(loadConfig({ NODE_ENV: 'production', ...given }).production).toBe(true)
  })

  test('a certificate and its key make the addresses https', () => {
    const file = (name: string) => fileURLToPath(new URL(`../testing/tls/${name}.pem`, import.meta.url))
    const config = loadConfig({ TLS_CERT: file('cert'), TLS_KEY: file('key') })
    expect(config.tls).toEqual({ certFile: file('cert'), keyFile: file('key') })
    expect(config.publicUrl).toBe('https://127.0.0.1:4000')
    expect(config.origins).toEqual(['https://127.0.0.1:4000', 'https://localhost:4000'])
    expect(loadConfig({}).tls).toBeUndefined()
    expect(problemsOf({ TLS_CERT: file('key'), TLS_KEY: file('key') }).map(problem => problem.name)).toEqual([
      'TLS_KEY',
    ])
  })

  test('every setting has a remedy', () => {
    expect(Object.values(remedies).every(text => text.length > 10)).toBe(true)
  })
})

describe('ensureSecretKey', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-config-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('is made once, kept for the owner alone, and read again', () => {
    const config = loadConfig({ DATA_DIR: join(folder, 'data') })
    const key = ensureSecretKey(config)
    expect(Buffer.byteLength(key)).toBeGreaterThanOrEqual(32)
    const file = join(folder, 'data', 'secret.key')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8').trim()).toBe(key)
    expect(ensureSecretKey(config)).toBe(key)
  })

  test('SECRET_KEY wins, and a damaged file is reported instead of replaced', () => {
    const given = 'k'.repeat(40)
    expect(ensureSecretKey(loadConfig({ DATA_DIR: folder, SECRET_KEY: given }))).toBe(given)
    writeFileSync(join(folder, 'secret.key'), 'cut')
    expect(() => ensureSecretKey(loadConfig({ DATA_DIR: folder }))).toThrow(/SECRET_KEY/)
  })
})

test('networkTest knows addresses and networks of both families', () => {
  const trusted = networkTest(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])
  expect(['10.1.2.3', '192.0.2.7', 'fd12::1'].map(trusted)).toEqual([true, true, true])
  expect(['11.0.0.1', '192.0.2.8', 'fe80::1', 'nonsense', ''].map(trusted)).toEqual([false, false, false, false, false])
})
