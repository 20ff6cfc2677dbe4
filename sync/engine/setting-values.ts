// What a value of a setting may look like: each reader takes the text and gives the value, or says what is expected.
import type { LogLevel } from '#server/kernel/log.ts'
import { defaults } from './protocol.ts'

/** Any text. */
export const text = { read: (value: string) => ({ value }) }

/** A whole number within bounds. */
export const whole = (least: number, most: number) => ({
  read: (value: string) =>
    /^\d{1,15}$/.test(value) && Number(value) >= least && Number(value) <= most
      ? { value: Number(value) }
      : { expected: `a whole number from ${least} to ${most}` },
})

const switches: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
}

/** true or false, in the words that are usual for them. */
export const onOff = {
  read: (value: string) => {
    const known = switches[value.toLowerCase()]
    return known === undefined ? { expected: 'true or false' } : { value: known }
  },
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  msec: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
}

/** A time; the bounds and the value in milliseconds. */
export const duration = (least: number, most: number) => ({
  read: (value: string) => {
    const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?) *([a-z]*)$/.exec(value.toLowerCase()) ?? []
    const ms = Number(amount) * (units[unit ?? ''] ?? Number.NaN)
    return ms >= least && ms <= most
      ? { value: Math.round(ms) }
      : { expected: `a time such as 20s or 20000 (milliseconds), from ${least} ms to ${most} ms` }
  },
})

const levels: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'error',
  silent: 'silent',
}

/** The least important level that is logged; Electric's names are known. */
export const logLevel = {
  read: (value: string) => {
    const level = levels[value.toLowerCase()]
    return level === undefined ? { expected: 'debug, info, warning, error or silent' } : { value: level }
  },
}

/** Where Postgres is. */
export const databaseUrl = {
  read: (value: string) =>
    URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol)
      ? { value }
      : { expected: 'a URL that begins with postgres:// or postgresql://' },
}

/** What names slot and publication. */
export const replicationId = {
  read: (value: string) =>
    /^[a-z0-9_]{1,40}$/.test(value) ? { value } : { expected: 'at most 40 lower-case letters, digits and _' },
}

/** The most requests at once; what is left out is as by default. */
export const limits = {
  read: (value: string) => {
    const expected = `JSON such as {"initial":${defaults.admission.initial},"existing":${defaults.admission.existing}}`
    let given: unknown
    try {
      given = JSON.parse(value)
    } catch {
      return { expected }
    }
    if (typeof given !== 'object' || given === null) return { expected }
    const merged: Record<string, unknown> = { ...defaults.admission, ...given }
    const { initial, existing, ...more } = merged
    const isLimit = (limit: unknown): limit is number => Number.isSafeInteger(limit) && (limit as number) > 0
    if (!isLimit(initial) || !isLimit(existing) || Object.keys(more).length > 0) return { expected }
    return { value: { initial, existing } }
  },
}
