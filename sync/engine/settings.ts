// The settings of the engine standing alone: one table of options, each with its environment variable under Electric's
// name where it means the same. Everything that is wrong is reported at once, with what to do about it.
import { readArguments } from '#server/kernel/arguments.ts'
import type { LogLevel } from '#server/kernel/log.ts'
import type { AdmissionLimits } from './admission.ts'
import { defaults } from './protocol.ts'
import { databaseUrl, duration, limits, logLevel, onOff, replicationId, text, whole } from './setting-values.ts'

export interface Settings {
  readonly databaseUrl: string
  /** What requests must give, or null to let everyone in. */
  readonly secret: string | null
  readonly port: number
  /** Undefined: all addresses, IPv6 and IPv4. */
  readonly host: string | undefined
  readonly storageDir: string
  readonly replicationId: string
  readonly manual: boolean
  readonly allowDelete: boolean
  readonly chunkBytes: number
  readonly maxAge: number
  readonly staleAge: number
  readonly longPollMs: number
  readonly poolSize: number
  readonly maxShapes: number | undefined
  readonly admission: AdmissionLimits
  readonly sendTimeoutMs: number
  readonly readTimeoutMs: number
  /** Undefined: no metrics. */
  readonly metricsPort: number | undefined
  readonly level: LogLevel
}

/** One thing that is wrong, and its remedy. */
export interface SettingProblem {
  readonly name: string
  readonly cause: string
  readonly remedy: string
}

export type ReadSettings =
  | { readonly kind: 'help' }
  | { readonly kind: 'problems'; readonly problems: readonly SettingProblem[] }
  | { readonly kind: 'settings'; readonly settings: Settings; readonly warnings: readonly string[] }

type Environment = Readonly<Record<string, string | undefined>>

interface Option<T> {
  readonly flag: string
  readonly env: string
  /** How the value is called in the help; undefined for a switch. */
  readonly value?: string
  readonly help: string
  /** The value, or what a value has to be. */
  readonly read: (text: string) => { readonly value: T } | { readonly expected: string }
}

const options = {
  databaseUrl: {
    flag: 'database-url',
    env: 'DATABASE_URL',
    value: 'URL',
    help: 'Postgres with wal_level=logical',
    ...databaseUrl,
  },
  caFile: {
    flag: 'database-ca',
    env: 'ELECTRIC_DATABASE_CA_CERTIFICATE_FILE',
    value: 'PATH',
    help: 'verify the server by this certificate',
    ...text,
  },
  poolSize: {
    flag: 'pool-size',
    env: 'ELECTRIC_DB_POOL_SIZE',
    value: 'N',
    help: 'connections for snapshots, default 20',
    ...whole(2, 1000),
  },
  secret: {
    flag: 'secret',
    env: 'ELECTRIC_SECRET',
    value: 'TEXT',
    help: 'what requests must give as ?secret=…',
    ...text,
  },
  insecure: { flag: 'insecure', env: 'ELECTRIC_INSECURE', help: 'ask for no secret', ...onOff },
  port: { flag: 'port', env: 'ELECTRIC_PORT', value: 'N', help: 'default 3000', ...whole(0, 65_535) },
  host: { flag: 'host', env: 'ELECTRIC_HOST', value: 'ADDRESS', help: 'default: all', ...text },
  ipv6: {
    flag: 'ipv6',
    env: 'ELECTRIC_LISTEN_ON_IPV6',
    help: 'listen on IPv6 and IPv4 (default) or, set to false, on IPv4 alone',
    ...onOff,
  },
  storageDir: {
    flag: 'storage-dir',
    env: 'ELECTRIC_STORAGE_DIR',
    value: 'PATH',
    help: 'default ./persistent',
    ...text,
  },
  replicationId: {
    flag: 'replication-id',
    env: 'ELECTRIC_REPLICATION_STREAM_ID',
    value: 'NAME',
    help: 'names slot and publication, default "default"',
    ...replicationId,
  },
  manual: {
    flag: 'manual',
    env: 'ELECTRIC_MANUAL_TABLE_PUBLISHING',
    help: 'never alter tables or publications',
    ...onOff,
  },
  allowDelete: {
    flag: 'allow-delete',
    env: 'ELECTRIC_ENABLE_INTEGRATION_TESTING',
    help: 'answer DELETE /v1/shape',
    ...onOff,
  },
  chunkBytes: {
    flag: 'chunk-bytes',
    env: 'ELECTRIC_SHAPE_CHUNK_BYTES_THRESHOLD',
    value: 'N',
    help: 'default 10485760',
    ...whole(1000, 2 ** 31),
  },
  maxAge: {
    flag: 'max-age',
    env: 'ELECTRIC_CACHE_MAX_AGE',
    value: 'SECONDS',
    help: 'default 60',
    ...whole(0, 2 ** 31),
  },
  staleAge: {
    flag: 'stale-age',
    env: 'ELECTRIC_CACHE_STALE_AGE',
    value: 'SECONDS',
    help: 'default 300',
    ...whole(0, 2 ** 31),
  },
  longPollMs: {
    flag: 'long-poll',
    env: 'ELECTRIC_LONG_POLL_TIMEOUT',
    value: 'TIME',
    help: 'default 20s',
    ...duration(100, 40_000),
  },
  maxShapes: {
    flag: 'max-shapes',
    env: 'ELECTRIC_MAX_SHAPES',
    value: 'N',
    help: 'more than that, and the longest unused ones end',
    ...whole(1, 2 ** 31),
  },
  admission: {
    flag: 'max-concurrent',
    env: 'ELECTRIC_MAX_CONCURRENT_REQUESTS',
    value: 'JSON',
    help: 'default {"initial":300,"existing":10000}',
    ...limits,
  },
  sendTimeoutMs: {
    flag: 'send-timeout',
    env: 'ELECTRIC_TCP_SEND_TIMEOUT',
    value: 'TIME',
    help: 'how long a reader may leave bytes unread, default 30s',
    ...duration(1000, 3_600_000),
  },
  readTimeoutMs: {
    flag: 'read-timeout',
    env: 'ELECTRIC_TCP_READ_TIMEOUT',
    value: 'TIME',
    help: 'how long a request may take to arrive, default 60s',
    ...duration(1000, 3_600_000),
  },
  metricsPort: {
    flag: 'metrics-port',
    env: 'ELECTRIC_PROMETHEUS_PORT',
    value: 'N',
    help: 'serve /metrics for Prometheus on this port',
    ...whole(0, 65_535),
  },
  level: {
    flag: 'log-level',
    env: 'ELECTRIC_LOG_LEVEL',
    value: 'LEVEL',
    help: 'debug, info (default), warning, error, silent',
    ...logLevel,
  },
} satisfies Record<string, Option<unknown>>

/** Electric's variables that have no effect here, and why none is needed. */
const withoutEffect: Readonly<Record<string, string>> = {
  ELECTRIC_POOLED_DATABASE_URL: 'all connections are direct',
  ELECTRIC_QUERY_DATABASE_URL: 'all connections are direct',
  ELECTRIC_DATABASE_USE_IPV6: 'addresses are resolved as the system does',
  ELECTRIC_INSTANCE_ID: 'one engine streams per replication id',
  ELECTRIC_SERVICE_NAME: 'nothing is reported to others',
  ELECTRIC_STORAGE: 'logs are files',
  ELECTRIC_PERSISTENT_STATE: 'logs are files',
  ELECTRIC_FEATURE_FLAGS: 'there are no flags',
  ELECTRIC_USAGE_REPORTING: 'nothing is reported to others',
  ELECTRIC_LOG_COLORS: 'logs are JSON lines',
  ELECTRIC_LOG_OTP_REPORTS: 'logs are JSON lines',
  ELECTRIC_REPLICATION_IDLE_TIMEOUT: 'the stream stays open',
  CLEANUP_REPLICATION_SLOTS_ON_SHUTDOWN: 'the slot stays, so that readers can resume',
}

const help = Object.values(options).map((option: Option<unknown>) => {
  const left = `  --${option.flag}${option.value === undefined ? '' : ` ${option.value}`}`
  return `${left.padEnd(28)}${option.env}\n${''.padEnd(6)}${option.help}`
})

/** What `--help` prints. */
export const usage = `Usage: node sync/engine/cli.ts --database-url URL (--secret TEXT | --insecure) [options]
       node sync/engine/cli.ts doctor --database-url URL [options]      looks, changes nothing, says what to mend

${help.join('\n')}
`

/** Names of all variables that have an effect, for the documentation's test. */
export const variables: readonly string[] = Object.values(options).map(option => option.env)

const warningsOf = (env: Environment): readonly string[] => {
  const set = Object.keys(env)
    .filter(name => (env[name] ?? '') !== '')
    .sort()
  const known = new Set(variables)
  const silent = set.filter(name => withoutEffect[name] !== undefined)
  const unknown = set.filter(
    name => name.startsWith('ELECTRIC_') && !known.has(name) && withoutEffect[name] === undefined,
  )
  return [
    ...silent.map(name => `${name} has no effect: ${withoutEffect[name] ?? ''}`),
    ...(unknown.length === 0 ? [] : [`unknown settings, without effect: ${unknown.join(', ')}`]),
  ]
}

/** The certificate file as the driver wants it: in the URL, which may name one itself. */
const withCertificate = (url: string, file: string | undefined): string => {
  if (file === undefined) return url
  const mark = url.indexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  if (!query.has('sslrootcert')) query.set('sslrootcert', file)
  if (!query.has('sslmode')) query.set('sslmode', 'verify-full')
  return `${mark < 0 ? url : url.slice(0, mark)}?${query.toString().replaceAll('+', '%20')}`
}

type Key = keyof typeof options
type Values = { [K in Key]?: Extract<ReturnType<(typeof options)[K]['read']>, { value: unknown }>['value'] }

/** Command line over environment over defaults. An empty variable counts as unset. */
export const readSettings = (args: readonly string[], env: Environment): ReadSettings => {
  const known = Object.values(options).map((option: Option<unknown>) => [option.flag, option] as const)
  const {
    words,
    values: flags,
    unknown,
    problems: misused,
  } = readArguments(args, { ...Object.fromEntries(known), help: {} })
  if (flags.has('help')) return { kind: 'help' }
  const problems: SettingProblem[] = [
    ...unknown.map(name => ({ name, cause: 'is no option', remedy: 'see --help for those there are' })),
    ...words.map(word => ({ name: word, cause: 'is a word too many', remedy: 'give options only, see --help' })),
    ...misused.map(({ name, cause }) => ({ name, cause, remedy: 'see --help' })),
  ]
  const isNamed = (...names: readonly string[]) => problems.some(({ name }) => names.includes(name))
  const values: Record<string, unknown> = {}
  for (const [key, option] of Object.entries(options) as [string, Option<unknown>][]) {
    const flag = flags.get(option.flag)
    const given = flag === undefined ? env[option.env] : String(flag)
    if (given === undefined || given === '') continue
    const name = flag === undefined ? option.env : `--${option.flag}`
    const result = option.read(given)
    if ('value' in result) values[key] = result.value
    else
      problems.push({
        name,
        cause: `is not ${result.expected}`,
        remedy: `set it to ${result.expected}, or leave it out`,
      })
  }
  const read = values as Values
  if (read.databaseUrl === undefined && !isNamed('DATABASE_URL', '--database-url'))
    problems.push({ name: 'DATABASE_URL', cause: 'is missing', remedy: 'set it, or give --database-url postgres://…' })
  if ((read.secret === undefined) === (read.insecure !== true) && !isNamed('--secret', '--insecure')) {
    const cause =
      read.secret === undefined ? 'there is neither a secret nor the word that none is wanted' : 'both are given'
    problems.push({ name: 'ELECTRIC_SECRET, ELECTRIC_INSECURE', cause, remedy: 'give exactly one of the two' })
  }
  if (problems.length > 0) return { kind: 'problems', problems }
  return {
    kind: 'settings',
    warnings: warningsOf(env),
    settings: {
      databaseUrl: withCertificate(read.databaseUrl ?? '', read.caFile),
      secret: read.secret ?? null,
      port: read.port ?? 3000,
      host: read.host ?? (read.ipv6 === undefined ? undefined : read.ipv6 ? '::' : '0.0.0.0'),
      storageDir: read.storageDir ?? './persistent',
      replicationId: read.replicationId ?? 'default',
      manual: read.manual ?? false,
      allowDelete: read.allowDelete ?? false,
      chunkBytes: read.chunkBytes ?? defaults.chunkBytes,
      maxAge: read.maxAge ?? defaults.maxAge,
      staleAge: read.staleAge ?? defaults.staleAge,
      longPollMs: read.longPollMs ?? defaults.longPollMs,
      poolSize: read.poolSize ?? 20,
      maxShapes: read.maxShapes,
      admission: read.admission ?? defaults.admission,
      sendTimeoutMs: read.sendTimeoutMs ?? defaults.sendTimeoutMs,
      readTimeoutMs: read.readTimeoutMs ?? defaults.readTimeoutMs,
      metricsPort: read.metricsPort,
      level: read.level ?? 'info',
    },
  }
}
