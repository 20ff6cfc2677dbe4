// What is done at the start of a server and once a day from then on. Each job is safe to run twice and in several servers
// at once (domain rules, section 13).
import { repeating, type Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'

/** Does its work in as many writes as it takes; answers how many rows that concerned. */
export type DailyJob = (write: ServerWrite) => Promise<number>

export interface DailyOptions {
  readonly jobs: Readonly<Record<string, DailyJob>>
  readonly write: ServerWrite
  readonly log: Log
  /** Milliseconds from the end of one round to the next. */
  readonly everyMs?: number
}

const dayMs = 86_400_000

/** The jobs, one after the other. A stop lets the write end that is under way, and begins no other. */
export const daily = ({ jobs, write, log, everyMs = dayMs }: DailyOptions): Service =>
  repeating('daily jobs', everyMs, async signal => {
    const whileRunning: ServerWrite = async (name, actor, work) => {
      signal.throwIfAborted()
      return write(name, actor, work)
    }
    for (const [name, job] of Object.entries(jobs)) {
      try {
        const rows = await job(whileRunning)
        if (rows > 0) log.info('daily job', { job: name, rows })
      } catch (error) {
        if (!signal.aborted) log.error('a daily job failed; it is tried again tomorrow', { job: name, error })
      }
    }
  })
