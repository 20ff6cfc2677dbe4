// How many requests may be under way at once. Those for shapes that exist and those for new ones are counted apart, so
// that a herd of first requests becomes refusals instead of a queue in front of Postgres, and parked readers stay.

/** The most requests at once: of shapes that are yet to be made, and of known ones. */
export interface AdmissionLimits {
  readonly initial: number
  readonly existing: number
}

export type AdmissionKind = 'initial' | 'existing'

/** A request that was let in. */
export interface Permit {
  /** The shape is there: from now on the request counts among those for existing shapes. */
  settle(): void
  /** The request is over. Any later call is ignored. */
  leave(): void
}

type Counts = Record<AdmissionKind, number>

/** A class, because parked requests have one each. */
class Held implements Permit {
  readonly #counts: Counts
  #kind: AdmissionKind | null

  constructor(counts: Counts, kind: AdmissionKind) {
    this.#counts = counts
    this.#kind = kind
  }

  settle(): void {
    if (this.#kind !== 'initial') return
    this.#counts.initial -= 1
    this.#counts.existing += 1
    this.#kind = 'existing'
  }

  leave(): void {
    if (this.#kind === null) return
    this.#counts[this.#kind] -= 1
    this.#kind = null
  }
}

/** Counts requests; null limits let everyone in. */
export class Admission {
  readonly #limits: AdmissionLimits | null
  readonly #counts: Counts = { initial: 0, existing: 0 }

  constructor(limits: AdmissionLimits | null) {
    this.#limits = limits
  }

  /** Requests under way. */
  count(kind: AdmissionKind): number {
    return this.#counts[kind]
  }

  /** A permit, or the limit that has been reached. */
  enter(kind: AdmissionKind): Permit | { readonly limit: number } {
    const limit = this.#limits?.[kind]
    if (limit !== undefined && this.#counts[kind] >= limit) return { limit }
    this.#counts[kind] += 1
    return new Held(this.#counts, kind)
  }
}
