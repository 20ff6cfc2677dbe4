// By which values can the router find a shape? A row is in some disjunct only if each of the disjunct's positive
// memberships holds, so one of them per disjunct is enough. Exact only while the shape's view of its sets is that of the
// stream: whoever waits for rows to move in sees every change.
import type { Filter } from './definition.ts'
import type { Canonical } from './keys.ts'
import type { ValueIndex } from './value-index.ts'
import type { ValueSet } from './value-set.ts'

/** A row may concern the shape when its columns have a value of the set. */
export interface Anchor {
  readonly columns: readonly string[]
  readonly canonical: readonly Canonical[]
  readonly set: ValueSet
  readonly index: ValueIndex
}

/** One anchor per disjunct, each once, with the smallest sets; null when some disjunct has no positive membership. */
export const anchorsOf = (
  filter: Filter,
  sets: ReadonlyMap<number, ValueSet>,
  indexOf: (set: ValueSet) => ValueIndex,
): readonly Anchor[] | null => {
  const anchors = new Map<number, Anchor>()
  for (const disjunct of filter.disjuncts) {
    const choices = disjunct.flatMap(index => {
      const literal = filter.literals[index]
      const set = sets.get(index)
      return literal?.kind === 'member' && !literal.negated && set !== undefined ? [{ index, literal, set }] : []
    })
    const [best] = choices.sort((a, b) => a.set.size - b.set.size)
    if (best === undefined) return null
    const { columns, canonical } = best.literal
    anchors.set(best.index, { columns, canonical, set: best.set, index: indexOf(best.set) })
  }
  return [...anchors.values()]
}
