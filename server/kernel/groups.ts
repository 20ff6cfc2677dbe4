// Writes that are waiting anyway share one transaction: one begin, one commit, one flush of the log, and their
// statements travel together. Each keeps its own verdict, because a group is all or nothing: when one of it fails,
// everything is rolled back and each runs alone.
//
// Only writes whose lanes differ may share, and no lane is in two groups at a time: inside one transaction a row lock
// excludes nobody, so two writes that read and change the same thing must not meet there.
import { CompiledQuery } from 'kysely'
import type { Database, Wire, WriteTx } from './database.ts'

/** Groups that run side by side. Fewer make larger groups, more use more connections. */
const maxRunning = 3
const maxJobs = 32
/** Milliseconds that one member of a group waits for a row before all of them run alone. */
const patienceMs = 100

/** The group was rolled back because of one of its members: the write has to run alone. */
export class GroupFailed extends Error {}

interface Job {
  readonly lane: string
  run(tx: WriteTx, wire: Wire): Promise<void>
  done(): void
  failed(error: unknown): void
}

/** Where a write belongs. */
export interface Place {
  readonly lane: string
  /** Calls with the same value are one write over again: they never meet in a group, and never wait for each other here. */
  readonly replayOf: string | undefined
}

/**
 * Runs `work` in a transaction that others may share. Rejects with GroupFailed when it has to run alone, and with its
 * own error when it had no company.
 */
export type Share = <T>(place: Place, work: (tx: WriteTx, wire: Wire) => Promise<T>) => Promise<T>

const patience = { compile: () => CompiledQuery.raw(`set local lock_timeout = ${patienceMs}`) }

/** Makes the function that shares transactions of `database`. */
export const createShare = (database: Pick<Database, 'write'>): Share => {
  const waiting: Job[] = []
  const busy = new Set<string>()
  const replays = new Set<string>()
  let running = 0
  let scheduled = false

  /** The next group: first come, first served, and nobody passes one who waits for the same lane. */
  const take = (): Job[] => {
    const group: Job[] = []
    const claimed = new Set(busy)
    for (let index = 0; index < waiting.length && group.length < maxJobs; ) {
      const job = waiting[index] as Job
      if (claimed.has(job.lane)) {
        index += 1
        continue
      }
      claimed.add(job.lane)
      group.push(job)
      waiting.splice(index, 1)
    }
    return group
  }

  const runGroup = async (group: readonly Job[]): Promise<void> => {
    try {
      await database.write(async (tx, wire) => {
        if (group.length > 1) wire.later(patience)
        const ends = await Promise.allSettled(group.map(job => job.run(tx, wire)))
        const failure = ends.find(end => end.status === 'rejected')
        if (failure) throw failure.reason
      })
      for (const job of group) job.done()
    } catch (error) {
      for (const job of group) job.failed(group.length > 1 ? new GroupFailed('', { cause: error }) : error)
    }
  }

  const pump = (): void => {
    while (running < maxRunning && waiting.length > 0) {
      const group = take()
      if (group.length === 0) return
      running += 1
      for (const { lane } of group) busy.add(lane)
      void runGroup(group).finally(() => {
        running -= 1
        for (const { lane } of group) busy.delete(lane)
        pump()
      })
    }
  }

  /** At the end of this turn of the event loop: an offline queue arrives in one. */
  const soon = (): void => {
    if (scheduled) return
    scheduled = true
    process.nextTick(() => {
      scheduled = false
      pump()
    })
  }

  const queue = <T>(lane: string, work: (tx: WriteTx, wire: Wire) => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      let value: T
      waiting.push({
        lane,
        run: async (tx, wire) => {
          value = await work(tx, wire)
        },
        done: () => resolve(value),
        failed: reject,
      })
      soon()
    })

  return async ({ lane, replayOf }, work) => {
    if (replayOf === undefined) return queue(lane, work)
    // the database's lock on the replay row knows what to say to the second one
    if (replays.has(replayOf)) throw new GroupFailed('the same write is running')
    replays.add(replayOf)
    try {
      return await queue(lane, work)
    } finally {
      replays.delete(replayOf)
    }
  }
}
