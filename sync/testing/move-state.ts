// The reader's half of subqueries, as TanStack's collection does it, quirks included: rows are found by the slots of their
// tags, and a removed tag takes a row out under every one of its slots.
interface Pattern {
  readonly pos: number
  readonly value: string
}

export interface MoveState {
  /** After a change of a row was applied. */
  change(key: string, headers: Readonly<Record<string, unknown>>): void
  /** A move-in or move-out; rows that are no longer visible go. Throws on anything that the protocol does not have. */
  event(headers: Readonly<Record<string, unknown>>): void
  clear(): void
}

interface Tagged {
  readonly tags: Set<string>
  active: boolean[]
}

/** State for `rows`, from which it removes what moves out. */
export const createMoveState = (rows: Map<string, unknown>): MoveState => {
  const tagged = new Map<string, Tagged>()
  const index = new Map<string, Set<string>>()
  let disjuncts: readonly (readonly number[])[] | undefined

  const slots = (tag: string) =>
    tag.split('/').flatMap((value, pos) => (value === '' ? [] : [{ slot: `${pos}/${value}`, pos }]))
  const forget = (key: string, tag: string) => {
    for (const { slot } of slots(tag)) index.get(slot)?.delete(key)
  }
  const drop = (key: string) => {
    for (const tag of tagged.get(key)?.tags ?? []) forget(key, tag)
    tagged.delete(key)
  }
  const visible = (active: readonly boolean[]) =>
    disjuncts?.some(positions => positions.every(pos => active[pos] === true)) === true

  return {
    clear: () => {
      tagged.clear()
      index.clear()
      disjuncts = undefined
    },
    change: (key, headers) => {
      const tags = headers['tags'] as readonly string[] | undefined
      if (headers['operation'] === 'delete') {
        drop(key)
        return
      }
      if (tags === undefined) {
        if (disjuncts !== undefined) throw new Error(`a row without tags: ${key}`)
        return
      }
      disjuncts ??= tags.map(tag => slots(tag).map(({ pos }) => pos))
      // A subset may bring a row again, with other tags.
      if (headers['operation'] === 'insert') drop(key)
      const row = tagged.get(key) ?? { tags: new Set<string>(), active: [] }
      tagged.set(key, row)
      for (const tag of tags) {
        row.tags.add(tag)
        for (const { slot } of slots(tag)) index.set(slot, (index.get(slot) ?? new Set()).add(key))
      }
      for (const tag of (headers['removed_tags'] as readonly string[] | undefined) ?? []) {
        row.tags.delete(tag)
        forget(key, tag)
      }
      row.active = [...(headers['active_conditions'] as boolean[])]
      // A row of a subset may still wait for the event that brings it.
      if (headers['snapshot_mark'] === undefined && !visible(row.active))
        throw new Error(`a row that is not visible: ${key}`)
      if ([...row.tags].sort().join() !== [...new Set(tags)].sort().join())
        throw new Error(`tags of ${key} were left behind`)
    },
    event: headers => {
      const { event } = headers
      if (event !== 'move-in' && event !== 'move-out') throw new Error(`event ${String(event)}`)
      for (const { pos, value } of headers['patterns'] as readonly Pattern[])
        for (const key of index.get(`${pos}/${value}`) ?? []) {
          const row = tagged.get(key)
          if (row === undefined) continue
          row.active[pos] = event === 'move-in'
          if (visible(row.active)) continue
          drop(key)
          rows.delete(key)
        }
    },
  }
}
