// Structured logs: one JSON object a line on stderr. Never pass tokens, codes, passwords, bodies, search terms or
// e-mail addresses (domain rule, section 15).

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'
export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log that adds `fields` to every line. */
  with(fields: LogFields): Log
}

const ranks: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40, silent: 100 }

const plain = (value: unknown): unknown =>
  value instanceof Error
    ? { name: value.name, message: value.message, code: (value as { code?: unknown }).code, stack: value.stack }
    : typeof value === 'bigint'
      ? value.toString()
      : value

/** Writes lines at or above `level` to `write` (default: stderr). */
export const createLog = (
  level: LogLevel,
  write: (line: string) => void = line => void process.stderr.write(line),
  fields: LogFields = {},
): Log => {
  const at = (name: LogLevel) => (message: string, more?: LogFields) => {
    if (ranks[name] < ranks[level]) return
    const entry = { time: new Date().toISOString(), level: name, message, ...fields, ...more }
    write(`${JSON.stringify(entry, (_key, value: unknown) => plain(value))}\n`)
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: more => createLog(level, write, { ...fields, ...more }),
  }
}

/** A log that says nothing: for tests and for library use. */
export const silentLog: Log = createLog('silent')
