// A log that a test can read.
import type { Log, LogFields } from '#server/kernel/log.ts'

/** What was logged, in order. */
export interface CollectingLog extends Log {
  readonly lines: readonly { readonly level: string; readonly message: string; readonly fields: LogFields }[]
}

/** An empty one. */
export const collectingLog = (): CollectingLog => {
  const lines: { level: string; message: string; fields: LogFields }[] = []
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields })
  const log: CollectingLog = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: () => log,
  }
  return log
}
