// What a check has found, and how it is printed.

export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  readonly level: Level
  /** What was looked at. */
  readonly check: string
  /** What there is. */
  readonly found: string
  /** What to do about it; every finding that is not `ok` has one. */
  readonly remedy?: string
}

export const ok = (check: string, found: string): Finding => ({ level: 'ok', check, found })
export const warn = (check: string, found: string, remedy: string): Finding => ({ level: 'warn', check, found, remedy })
export const fail = (check: string, found: string, remedy: string): Finding => ({ level: 'fail', check, found, remedy })

const marks: Readonly<Record<Level, string>> = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' }

/** A line each, with the remedy below. */
export const printFindings = (findings: readonly Finding[]): string => {
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings
    .flatMap(({ level, check, found, remedy }) => [
      `${marks[level]}  ${check.padEnd(width)}  ${found}`,
      ...(remedy === undefined ? [] : [`      ${' '.repeat(width)}  → ${remedy}`]),
    ])
    .join('\n')
}

/** 0 when nothing has failed. */
export const exitCodeOf = (findings: readonly Finding[]): number =>
  findings.some(({ level }) => level === 'fail') ? 1 : 0

/** Bytes for people. */
export const size = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
