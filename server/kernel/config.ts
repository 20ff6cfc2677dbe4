// The environment, read once: strings in, typed and frozen settings out (domain rules, section 14). The only reader of
// process.env; everything else gets the part it needs as an argument. All problems are reported at once.
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { makeDataFolder } from './data-folder.ts'
import type { LogLevel } from './log.ts'

export type ServiceName = 'web' | 'worker'

export interface Config {
  readonly production: boolean
  /** `embedded`, or the URL of a PostgreSQL that somebody else runs. */
  readonly databaseUrl: string
  /** Connections for writes; as many again for reads. */
  readonly databasePoolSize: number
  /** Absolute path of what the server keeps on disk. */
  readonly dataDir: string
  /** A real Electric, or undefined for the built-in engine. */
  readonly electric: { readonly url: string; readonly secret: string } | undefined
  /** Without a trailing slash. */
  readonly publicUrl: string
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** PEM files; with them the server speaks HTTPS, HTTP/2 where the client can. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly services: readonly ServiceName[]
  readonly logLevel: LogLevel
  /** Addresses or networks (`10.0.0.0/8`) whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[]
  /** Origins that browsers may write from: PUBLIC_URL first, then CORS_ORIGINS. */
  readonly origins: readonly string[]
  /** At least 32 bytes; undefined until `ensureSecretKey` has made or read one. */
  readonly secretKey: string | undefined
  /** Undefined: no metrics. */
  readonly metricsToken: string | undefined
  readonly sessionDays: number
  readonly registration: 'open' | 'invite' | 'closed'
  readonly invitationDays: number
  /** Automatic snapshots of a document that is being edited. */
  readonly snapshotIntervalMinutes: number
  /** How long a lock lasts without a heartbeat, in seconds. */
  readonly documentLockTtl: number
  readonly maxDocumentBytes: number
  readonly rateLimits: boolean
  /** Redis that joins several servers' documents; undefined: this one is alone. */
  readonly redisUrl: string | undefined
  /** Milliseconds from the last change, and at most from the first, until a document is stored. */
  readonly collabDebounceMs: number
  readonly collabMaxDebounceMs: number
}

type Environment = Readonly<Record<string, string | undefined>>

const list = (text: string): string[] =>
  text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')

const wholeNumber = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'is not a whole number')
    .transform(Number)
    .refine(value => value >= min && value <= max, `is not between ${min} and ${max}`)
    .default(fallback)

const oneOf = <Value extends string>(values: readonly [Value, ...Value[]], fallback: Value) =>
  z.enum(values, { error: `is none of ${values.join(', ')}` }).default(fallback)

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)
const isHttpUrl = (text: string): boolean => /^https?:$/.test(urlOf(text)?.protocol ?? '')
const hasNoUser = (text: string): boolean => {
  const { username = '', password = '' } = urlOf(text) ?? {}
  return username === '' && password === ''
}
const isOrigin = (text: string): boolean => urlOf(text)?.origin === text
const isDatabaseUrl = (text: string): boolean =>
  text === 'embedded' || /^postgres(ql)?:$/.test(urlOf(text)?.protocol ?? '')

const isRedisUrl = (text: string): boolean => /^rediss?:$/.test(urlOf(text)?.protocol ?? '')

const isReadable = (path: string): boolean => {
  try {
    return statSync(path).isFile() && readFileSync(path).length > 0
  } catch {
    return false
  }
}

const isPair = (certFile: string, keyFile: string): boolean => {
  try {
    createSecureContext({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
    return true
  } catch {
    return false
  }
}

const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...more] = text.split('/')
  if (isIP(address) === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128))
}

const settings = {
  DATABASE_URL: z.string().refine(isDatabaseUrl, 'is neither a postgres:// URL nor "embedded"').optional(),
  DATABASE_POOL_SIZE: wholeNumber(1, 1000, 20),
  DATA_DIR: z.string().default('./.skerry'),
  ELECTRIC_URL: z
    .string()
    .refine(isHttpUrl, 'is not an http:// or https:// URL')
    .refine(hasNoUser, 'has a user or password, which no request can carry')
    .optional(),
  ELECTRIC_SECRET: z.string().optional(),
  PUBLIC_URL: z.string().refine(isHttpUrl, 'is not an http:// or https:// URL').optional(),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535, 4000),
  TLS_CERT: z.string().refine(isReadable, 'is not a file that the server can read').optional(),
  TLS_KEY: z.string().refine(isReadable, 'is not a file that the server can read').optional(),
  NODE_ENV: oneOf(['development', 'production', 'test'], 'development'),
  SERVICES: z
    .string()
    .transform(list)
    .pipe(z.array(z.enum(['web', 'worker'], { error: 'names something other than web and worker' })).min(1, 'is empty'))
    .default(['web', 'worker']),
  LOG_LEVEL: oneOf(['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  TRUSTED_PROXIES: z
    .string()
    .transform(list)
    .refine(items => items.every(isNetwork), 'holds something that is neither an IP address nor a network')
    .default([]),
  CORS_ORIGINS: z
    .string()
    .transform(list)
    .refine(items => !items.includes('*'), 'must not be *: writes are authenticated by cookie')
    .refine(items => items.every(item => item === '*' || isOrigin(item)), 'holds something that is not an origin')
    .default([]),
  SECRET_KEY: z
    .string()
    .refine(text => Buffer.byteLength(text) >= 32, 'has less than 32 bytes')
    .optional(),
  METRICS_TOKEN: z.string().min(16, 'has less than 16 characters').optional(),
  SESSION_DAYS: wholeNumber(1, 400, 30),
  REGISTRATION: oneOf(['open', 'invite', 'closed'], 'open'),
  INVITATION_DAYS: wholeNumber(1, 365, 14),
  SNAPSHOT_INTERVAL_MINUTES: wholeNumber(1, 1440, 10),
  DOCUMENT_LOCK_TTL: wholeNumber(10, 86_400, 300),
  RATE_LIMITS: oneOf(['on', 'off'], 'on'),
  REDIS_URL: z.string().refine(isRedisUrl, 'is not a redis:// or rediss:// URL').optional(),
  COLLAB_DEBOUNCE_MS: wholeNumber(0, 60_000, 2000),
  COLLAB_MAX_DEBOUNCE_MS: wholeNumber(0, 600_000, 10_000),
  MAX_DOCUMENT_MB: wholeNumber(1, 10, 10),
} as const

export type SettingName = keyof typeof settings

/** How to mend each setting; also the table that the README prints. */
export const remedies: Readonly<Record<SettingName, string>> = {
  DATABASE_URL: 'set postgres://user:password@host:5432/name, or embedded for the PostgreSQL that Skerry brings along',
  DATABASE_POOL_SIZE: 'set a number of connections such as 20',
  DATA_DIR: 'set a folder that the server may write to',
  ELECTRIC_URL: 'set the address of Electric, such as http://electric:3000, or leave it out for the built-in engine',
  ELECTRIC_SECRET: 'set the same value as Electric runs with',
  PUBLIC_URL: 'set the address that people open, such as https://skerry.example.com',
  HOST: 'set the address to listen on, such as 127.0.0.1 or 0.0.0.0',
  PORT: 'set a free port between 1 and 65535',
  TLS_CERT: 'set the path of a PEM file with the certificate and those between it and the root',
  TLS_KEY: 'set the path of the PEM file with the private key of TLS_CERT',
  NODE_ENV: 'set development, production or test',
  SERVICES: 'set web, worker or web,worker',
  LOG_LEVEL: 'set debug, info, warn, error or silent',
  TRUSTED_PROXIES: 'list addresses or networks with commas between them, such as 10.0.0.0/8,192.168.1.5',
  CORS_ORIGINS: 'list origins without a path, such as https://app.example.com,http://localhost:5173',
  SECRET_KEY: 'set at least 32 random bytes, for example from: openssl rand -base64 48',
  METRICS_TOKEN: 'set at least 16 random characters, which Prometheus then sends as a bearer token',
  SESSION_DAYS: 'set a number of days such as 30',
  REGISTRATION: 'set open, invite or closed',
  INVITATION_DAYS: 'set a number of days such as 14',
  SNAPSHOT_INTERVAL_MINUTES: 'set a number of minutes such as 10',
  DOCUMENT_LOCK_TTL: 'set a number of seconds such as 300',
  MAX_DOCUMENT_MB: 'set a number of mebibytes between 1 and 10',
  RATE_LIMITS: 'set on or off',
  REDIS_URL: 'set the address of Redis, such as redis://redis:6379, or leave it out when one server runs alone',
  COLLAB_DEBOUNCE_MS: 'set a number of milliseconds such as 2000',
  COLLAB_MAX_DEBOUNCE_MS: 'set a number of milliseconds such as 10000',
}

const requiredInProduction: readonly SettingName[] = ['DATABASE_URL', 'PUBLIC_URL', 'SECRET_KEY']

/**
 * Settings from `env`. Empty values count as absent; names that are not settings are ignored.
 * Throws ConfigError with all problems.
 */
export const loadConfig = (env: Environment): Config => {
  const given = Object.fromEntries(
    Object.keys(settings).flatMap(name => {
      const value = env[name]?.trim()
      return value ? [[name, value]] : []
    }),
  )
  const problems: ConfigProblem[] = []
  const add = (name: SettingName, cause: string) => problems.push({ name, cause, remedy: remedies[name] })
  const parsed = z.object(settings).safeParse(given)
  for (const issue of parsed.error?.issues ?? []) add(issue.path[0] as SettingName, issue.message)
  if (given['NODE_ENV'] === 'production') {
    for (const name of requiredInProduction) if (!given[name]) add(name, 'is required when NODE_ENV is production')
  }
  if (given['ELECTRIC_URL'] && !given['ELECTRIC_SECRET']) add('ELECTRIC_SECRET', 'is required with ELECTRIC_URL')
  if (given['TLS_CERT'] && !given['TLS_KEY']) add('TLS_KEY', 'is required with TLS_CERT')
  if (given['TLS_KEY'] && !given['TLS_CERT']) add('TLS_CERT', 'is required with TLS_KEY')
  const { TLS_CERT, TLS_KEY } = parsed.data ?? {}
  if (TLS_CERT && TLS_KEY && !isPair(TLS_CERT, TLS_KEY))
    add('TLS_KEY', 'and TLS_CERT are no private key and its certificate')
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  return build(parsed.data)
}

const build = (values: z.output<z.ZodObject<typeof settings>>): Config => {
  const tls = values.TLS_CERT && values.TLS_KEY ? { certFile: values.TLS_CERT, keyFile: values.TLS_KEY } : undefined
  const scheme = tls ? 'https' : 'http'
  const localUrl = `${scheme}://${values.HOST.includes(':') ? `[${values.HOST}]` : values.HOST}:${values.PORT}`
  const publicUrl = (values.PUBLIC_URL ?? localUrl).replace(/\/+$/, '')
  // without a PUBLIC_URL the browser may well say localhost for the address we listen on
  const local = values.PUBLIC_URL
    ? []
    : [`${scheme}://localhost:${values.PORT}`, `${scheme}://127.0.0.1:${values.PORT}`]
  const config: Config = {
    production: values.NODE_ENV === 'production',
    databaseUrl: values.DATABASE_URL ?? 'embedded',
    databasePoolSize: values.DATABASE_POOL_SIZE,
    dataDir: resolve(values.DATA_DIR),
    electric: values.ELECTRIC_URL
      ? Object.freeze({ url: values.ELECTRIC_URL.replace(/\/+$/, ''), secret: values.ELECTRIC_SECRET ?? '' })
      : undefined,
    publicUrl,
    host: values.HOST,
    port: values.PORT,
    tls: tls && Object.freeze(tls),
    services: Object.freeze([...new Set(values.SERVICES)]),
    logLevel: values.LOG_LEVEL,
    trustedProxies: Object.freeze(values.TRUSTED_PROXIES),
    origins: Object.freeze([...new Set([new URL(publicUrl).origin, ...local, ...values.CORS_ORIGINS])]),
    secretKey: values.SECRET_KEY,
    metricsToken: values.METRICS_TOKEN,
    sessionDays: values.SESSION_DAYS,
    registration: values.REGISTRATION,
    invitationDays: values.INVITATION_DAYS,
    snapshotIntervalMinutes: values.SNAPSHOT_INTERVAL_MINUTES,
    documentLockTtl: values.DOCUMENT_LOCK_TTL,
    rateLimits: values.RATE_LIMITS === 'on',
    redisUrl: values.REDIS_URL,
    collabDebounceMs: values.COLLAB_DEBOUNCE_MS,
    collabMaxDebounceMs: values.COLLAB_MAX_DEBOUNCE_MS,
    maxDocumentBytes: values.MAX_DOCUMENT_MB * 1024 * 1024,
  }
  return Object.freeze(config)
}

/** The settings of this process. */
export const configFromProcess = (): Config => loadConfig(process.env)

/**
 * SECRET_KEY, or the one kept in `<dataDir>/secret.key` (mode 0600), made at the first start. Two processes that start
 * at once agree: the file appears whole, and whoever comes second reads the first one's.
 */
export const ensureSecretKey = (config: Config): string => {
  if (config.secretKey !== undefined) return config.secretKey
  const file = join(config.dataDir, 'secret.key')
  const read = (): string | undefined => {
    try {
      return readFileSync(file, 'utf8').trim()
    } catch (error) {
      // a folder that is none is for makeKey to say
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }
  const kept = read() ?? makeKey(config.dataDir, file) ?? read() ?? ''
  if (Buffer.byteLength(kept) < 32) {
    throw new ConfigError([
      { name: 'SECRET_KEY', cause: `${file} holds less than 32 bytes`, remedy: 'restore that file, or set SECRET_KEY' },
    ])
  }
  return kept
}

/** Undefined when another process was faster. */
const makeKey = (folder: string, file: string): string | undefined => {
  const key = randomBytes(48).toString('base64url')
  makeDataFolder(folder)
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${key}\n`, { mode: 0o600 })
  try {
    linkSync(draft, file)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  } finally {
    unlinkSync(draft)
  }
}

/** Membership test for `trustedProxies`. */
export const networkTest = (networks: readonly string[]): ((address: string) => boolean) => {
  const trusted = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (bits === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(bits), family)
  }
  return address => isIP(address) !== 0 && trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}
