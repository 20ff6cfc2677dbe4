// Visibility: which transactions a Postgres snapshot contains. Snapshots have 64-bit xids, the stream 32-bit ones.
import type { PgSnapshot } from '../protocol.ts'

/** Parses `pg_current_snapshot()::text`. */
export const parseSnapshot = (text: string): PgSnapshot => {
  const [xmin, xmax, xip] = text.split(':')
  if (xmin === undefined || xmax === undefined || xip === undefined) throw new Error(`not a snapshot: ${text}`)
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), xip: xip === '' ? [] : xip.split(',').map(BigInt) }
}

/** What `parseSnapshot` parses. */
export const formatSnapshot = ({ xmin, xmax, xip }: PgSnapshot): string => `${xmin}:${xmax}:${xip.join(',')}`

/** The 64-bit xid nearest to `near` whose low half is `xid`. */
export const liftXid = (xid: number, near: bigint): bigint => near + BigInt((xid - Number(near & 0xffffffffn)) | 0)

/** Whether `snapshot` contains what the committed transaction `xid` did. */
export const isVisible = (xid: number, snapshot: PgSnapshot): boolean => {
  const lifted = liftXid(xid, snapshot.xmax)
  return lifted < snapshot.xmin || (lifted < snapshot.xmax && !snapshot.xip.includes(lifted))
}
