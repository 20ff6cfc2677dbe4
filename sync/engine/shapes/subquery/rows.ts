// Rows of a subquery shape as they come from Postgres: for its snapshot and for subsets. Memberships are judged by
// Postgres in the same snapshot, everything else here.
import { quoteIdentifier } from '../../identifiers.ts'
import { copyValue } from '../copy-lines.ts'
import { createRowEncoder, type RowEncoder } from '../copy-text.ts'
import { keyColumns, type ShapeDefinition } from '../definition.ts'
import type { Filter } from './definition.ts'
import { bindFacts } from './literals.ts'
import type { Tagger } from './tags.ts'

/** The columns that decide what a row is for the shape: sent, key, or looked at. */
export const neededColumns = (definition: ShapeDefinition, filter: Filter): readonly string[] => [
  ...new Set([...definition.selected, ...keyColumns(definition), ...filter.columns]),
]

/** The encoder for rows of a subquery shape. */
export const createTaggedEncoder = (
  definition: ShapeDefinition,
  filter: Filter,
  tagger: Tagger,
  moreHeaders = '',
): RowEncoder => {
  const names = neededColumns(definition, filter)
  const members = filter.literals.flatMap((literal, index) => (literal.kind === 'member' ? [{ literal, index }] : []))
  const factsOf = bindFacts(filter, names)
  const at = new Map(members.map(({ index }, position) => [index, names.length + position]))
  return createRowEncoder(definition, moreHeaders, {
    columns: [...names.map(quoteIdentifier), ...members.map(({ literal }) => `(${literal.sql} IS TRUE)`)],
    names,
    headers: fields => {
      const facts = factsOf(fields.slice(0, names.length).map(copyValue))
      const active = facts.map((fact, index) => {
        const position = at.get(index)
        return position === undefined ? fact === true : fields[position] === 't'
      })
      return tagger.headers({ tags: tagger.tags(facts), active })
    },
  })
}
