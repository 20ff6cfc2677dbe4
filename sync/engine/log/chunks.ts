// Where things are in a log: the ends of complete chunks, and sparse marks from offsets to byte positions.
import { afterSnapshot, compareOffsets, type Offset } from '../lsn.ts'

/** Bytes between two marks: what a read from the middle has to skip at most, plus one frame. */
const markDistance = 32_768

interface Mark {
  readonly first: Offset
  readonly position: number
}

const firstIndex = <T>(list: readonly T[], holds: (item: T) => boolean): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(list[middle] as T)) high = middle
    else low = middle + 1
  }
  return low
}

/** A frame at `position` that holds the offsets `first` to `last`. */
export interface IndexEntry {
  readonly first: Offset
  readonly last: Offset
  readonly position: number
  readonly endsChunk: boolean
}

/** Index of one log; only what is committed is ever entered, in order. */
export class ChunkIndex {
  #ends: Offset[] = []
  #marks: Mark[] = []
  tail: Offset = afterSnapshot

  /** Enters a frame. */
  add(frame: IndexEntry): void {
    const mark = this.#marks.at(-1)
    if (mark === undefined || frame.position - mark.position >= markDistance)
      this.#marks.push({ first: frame.first, position: frame.position })
    if (frame.endsChunk) this.#ends.push(frame.last)
    this.tail = frame.last
  }

  /** End of the first complete chunk after `after`, or the tail. */
  endAfter(after: Offset): Offset {
    return this.#ends[firstIndex(this.#ends, end => compareOffsets(end, after) > 0)] ?? this.tail
  }

  /** Whether `offset` is where the log begins or the end of a complete chunk. */
  isEnd(offset: Offset): boolean {
    if (compareOffsets(offset, afterSnapshot) === 0) return true
    const end = this.#ends[firstIndex(this.#ends, each => compareOffsets(each, offset) >= 0)]
    return end !== undefined && compareOffsets(end, offset) === 0
  }

  /** A position at or before the first item after `after`. */
  positionBefore(after: Offset): number {
    const index = firstIndex(this.#marks, mark => compareOffsets(mark.first, after) > 0)
    return this.#marks[index - 1]?.position ?? 0
  }
}
