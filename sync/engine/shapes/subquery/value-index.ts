// Which sets have a value? One index for all sets that select the same columns of the same table; sets keep it current
// themselves. Most values of large sets have one holder, which needs no Set of its own.
import { nullKey, totalKey } from './keys.ts'
import type { ValueSet } from './value-set.ts'

const none: ReadonlySet<ValueSet> = new Set()

export class ValueIndex {
  /** Tells it from the others. */
  readonly name: string
  /** Sets that keep it current. */
  users = 0
  readonly #holders = new Map<string, ValueSet | Set<ValueSet>>()

  constructor(name: string) {
    this.name = name
  }

  /** `set` has a row with the key from now on. */
  enter(key: string, set: ValueSet): void {
    if (key === nullKey || key === totalKey) return
    const holders = this.#holders.get(key)
    if (holders === undefined) this.#holders.set(key, set)
    else if (holders instanceof Set) holders.add(set)
    else if (holders !== set) this.#holders.set(key, new Set([holders, set]))
  }

  /** `set` has no row with the key any more. */
  leave(key: string, set: ValueSet): void {
    const holders = this.#holders.get(key)
    if (holders === set) this.#holders.delete(key)
    else if (holders instanceof Set && holders.delete(set) && holders.size === 0) this.#holders.delete(key)
  }

  /** The sets that have the value; none have NULL. */
  holders(key: string): ReadonlySet<ValueSet> {
    const holders = this.#holders.get(key)
    if (holders === undefined) return none
    return holders instanceof Set ? holders : new Set([holders])
  }
}
