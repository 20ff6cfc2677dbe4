// Named places at which a test may kill the process, or let a write fail by throwing. In production `reach` does nothing.

/** In the order in which one transaction passes them. */
export const crashPoints = [
  'catalog.before-rename',
  'slot.created',
  'table.published',
  'snapshot.started',
  'snapshot.activated',
  'snapshot.rows-written',
  'snapshot.before-complete',
  'catalog.before-write',
  'catalog.before-sync',
  'catalog.after-sync',
  'snapshot.complete',
  'transaction.begun',
  'transaction.change',
  'transaction.before-commit',
  'transaction.committed',
  'log.before-write',
  'log.between-writes',
  'log.after-write',
  'log.after-sync',
  'position.before-write',
  'position.before-sync',
  'position.after-sync',
  'slot.confirmed',
  'subquery.loaded',
  'move.fetched',
  'move.applied',
  'shape.before-retire',
  'shape.retired',
] as const

export type CrashPoint = (typeof crashPoints)[number]

/** Told each time a crash point is passed. */
export type Reach = (point: CrashPoint) => void

/** Passes every point in silence. */
export const passThrough: Reach = () => {}
