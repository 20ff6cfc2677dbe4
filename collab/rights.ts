// What people may do where they sit, looked up again when it may have changed: without access the socket is closed,
// without the right to edit the seat turns read-only.
import { backoff, pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { type Closing, closings } from './closing.ts'
import { dismiss, mayWrite, rightsChanged, type Seat } from './seats.ts'

/** What somebody may do in a room. */
export interface Right {
  readonly edit: boolean
}

export interface Rights {
  /** Undefined: no such room, for him. */
  of(seat: Seat): Promise<Right | undefined>
}

/** Lookups that run side by side when many seats are concerned. */
const lookups = 8
/** Then the seat is closed: who cannot be checked may not stay. */
const attempts = 4

/** Runs `work` for each of `items`, some at a time. */
export const forEachSome = async <Item>(
  items: Iterable<Item>,
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> => {
  const waiting = [...items]
  const walk = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: width }, walk))
}

export interface RightChecks {
  /** Looks the right of each of `seats` up again; `gone` is what those hear who have none any more. */
  check(seats: Iterable<Seat>, gone: Closing): Promise<void>
}

/** A lookup under way; `again` when something has happened since it began. */
interface Check {
  again: boolean
}

/** See the header. */
export const createRightChecks = (rights: Rights, log: Log): RightChecks => {
  const checking = new Map<Seat, Check>()

  const judge = async (seat: Seat, gone: Closing, check: Check): Promise<void> => {
    const right = await rights.of(seat)
    if (!right) return dismiss(seat, gone)
    // what has happened meanwhile may have taken it: only the next answer may give
    if (right.edit && check.again) return
    const before = mayWrite(seat)
    seat.mayEdit = right.edit
    rightsChanged(seat, before)
  }

  const insist = async (seat: Seat, gone: Closing, check: Check): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await judge(seat, gone, check)
      } catch (error) {
        log.warn('a right could not be looked up', { error, attempt })
        if (attempt === attempts) return dismiss(seat, closings.failed)
        await pause(backoff(attempt, 100, 1000))
      }
    }
  }

  // one lookup of a seat at a time, and one more when something happened during it: the last answer is the newest
  const checkOne = async (seat: Seat, gone: Closing): Promise<void> => {
    seat.revision += 1
    const found = checking.get(seat)
    if (found) {
      found.again = true
      return
    }
    const check = { again: false }
    checking.set(seat, check)
    do {
      check.again = false
      if (!seat.socket.closed()) await insist(seat, gone, check)
    } while (check.again)
    checking.delete(seat)
  }

  return { check: (seats, gone) => forEachSome(seats, lookups, seat => checkOne(seat, gone)) }
}
