// Which shapes with subqueries have transactions to work out, and how much of that is done before others get their turn.
import { setImmediate as turn } from 'node:timers/promises'
import type { Router } from '../router.ts'
import type { Shape } from '../shape.ts'
import type { Drained, Moves } from './moves.ts'
import type { TxRecord } from './records.ts'
import type { ValueIndex } from './value-index.ts'
import type { ValueSet } from './value-set.ts'

/** What is worked out before others get their turn; see `Drained`. */
const sliceWork = 1000

/** What is asked of a shape. */
export type Work = Pick<
  Moves,
  'shape' | 'sources' | 'held' | 'waitsFor' | 'blocked' | 'settled' | 'anchors' | 'enqueue' | 'drain'
>

export interface BacklogParts {
  readonly router: Pick<Router, 'isAnchored' | 'anchor' | 'release'>
  readonly indexOf: (set: ValueSet) => ValueIndex
  /** Not null when too much is in memory: settles when it is in the files. */
  readonly relieve: () => Promise<void> | null
  /** Called after a turn for the others, when something is left to make up for. */
  readonly goOn: () => void
}

export class Backlog {
  readonly #parts: BacklogParts
  /** Shapes that have something to wait for, or are not yet known not to. */
  readonly #lagging = new Set<Work>()
  /** Shapes for which the last commit has not been worked out yet. */
  readonly #due = new Set<Work>()
  #next: NodeJS.Immediate | undefined
  /** Changes of rows that were held against the filters of shapes. */
  judged = 0

  constructor(parts: BacklogParts) {
    this.#parts = parts
  }

  /** Shapes whose logs may be behind the stream. */
  get lagging(): Iterable<Work> {
    return this.#lagging
  }

  get isEmpty(): boolean {
    return this.#lagging.size === 0
  }

  /** The lowest LSN that some shape has not yet in its log although the stream has passed it. */
  get held(): bigint | null {
    let lowest: bigint | null = null
    for (const { held } of this.#lagging) if (held !== null && (lowest === null || held < lowest)) lowest = held
    return lowest
  }

  /** A shape of which nothing is known yet. */
  add(moves: Work): void {
    this.#lagging.add(moves)
  }

  /** A commit concerns the shape: `commit` works it out. */
  enqueue(moves: Work, record: TxRecord): void {
    this.#lagging.add(moves)
    this.#due.add(moves)
    moves.enqueue(record)
  }

  /** The shape has ended. */
  remove(moves: Work): void {
    this.#lagging.delete(moves)
    this.#due.delete(moves)
  }

  /** Works the last commit out for some shapes; returns those whose readers have something new. */
  commit(): readonly Shape[] {
    const news: Shape[] = []
    let left = sliceWork
    for (const moves of this.#due) {
      if (left <= 0) break
      this.#due.delete(moves)
      const done = this.#drain(moves, left)
      if (done.news) news.push(moves.shape)
      left -= done.work
      if (left <= 0 && moves.held !== null && moves.shape.retiring === undefined) this.#due.add(moves)
    }
    return news
  }

  /** What `commit` has left to do, with turns for others in between; null when that is nothing. */
  rest(): Promise<void> | null {
    return this.#due.size === 0 ? null : this.#finish()
  }

  /** Goes on with what lags: one slice a turn, however often it is called in it. */
  catchUp(): void {
    if (this.#next !== undefined) return
    let left = sliceWork
    for (const moves of this.#lagging) {
      if (moves.blocked || this.#due.has(moves)) continue
      const { news, work } = this.#drain(moves, left)
      if (news) moves.shape.wake()
      left -= work
      if (left > 0) continue
      // the others come first in the next turn
      if (this.#lagging.delete(moves)) this.#lagging.add(moves)
      this.#next = setImmediate(() => {
        this.#next = undefined
        this.#parts.goOn()
      })
      return
    }
  }

  /** Nothing is to be worked out any more. */
  close(): void {
    clearImmediate(this.#next)
    this.#lagging.clear()
    this.#due.clear()
  }

  async #finish(): Promise<void> {
    while (this.#due.size > 0) {
      await (this.#parts.relieve() ?? turn())
      for (const shape of this.commit()) shape.wake()
    }
    this.#parts.goOn()
  }

  #drain(moves: Work, limit: number): Drained {
    const done = moves.drain(limit)
    this.judged += done.judged
    const { shape } = moves
    const { router, indexOf } = this.#parts
    if (shape.retiring !== undefined) this.#lagging.delete(moves)
    else if (moves.settled) {
      this.#lagging.delete(moves)
      if (router.isAnchored(shape)) return done
      const anchors = moves.anchors(indexOf)
      if (anchors !== null) router.anchor(shape, moves.sources, anchors)
    } else {
      this.#lagging.add(moves)
      router.release(shape)
    }
    return done
  }
}
