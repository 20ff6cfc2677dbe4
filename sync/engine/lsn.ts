// LSNs and shape offsets. An offset is (tx, op): the LSN that Begin announced, and the position inside the transaction.
// Both parts of an offset are compared as integers; `tx` may exceed 2^53 and is therefore a bigint.

/** Position in the log of one shape. `op` is Infinity for `<tx>_inf`; `tx` is -1 for "before everything". */
export interface Offset {
  readonly tx: bigint
  readonly op: number
}

/** `-1`: before the snapshot. */
export const beforeAll: Offset = { tx: -1n, op: 0 }
/** `0_inf`: after the snapshot, before any change. */
export const afterSnapshot: Offset = { tx: 0n, op: Infinity }
/** `0_<n>`: snapshot chunks up to and including number n have been read. */
export const snapshotOffset = (chunk: number): Offset => ({ tx: 0n, op: chunk })

const maxLsn = 2n ** 64n - 1n

/** Parses `-1`, `-1_0`, `<tx>_<op>` and `<tx>_inf`; null for anything else. */
export const parseOffset = (text: string): Offset | null => {
  if (text === '-1' || text === '-1_0') return beforeAll
  const match = /^\+?(\d{1,40})_(\d{1,40}|inf)$/.exec(text)
  if (match === null || match[1] === undefined || match[2] === undefined) return null
  const tx = BigInt(match[1])
  const op = match[2] === 'inf' ? Infinity : Number(match[2])
  return tx > maxLsn || (op !== Infinity && !Number.isSafeInteger(op)) ? null : { tx, op }
}

/** The wire form of an offset. */
export const formatOffset = ({ tx, op }: Offset): string => (tx < 0n ? '-1' : `${tx}_${op === Infinity ? 'inf' : op}`)

/** Negative, zero or positive, like a sort callback. */
export const compareOffsets = (a: Offset, b: Offset): number =>
  a.tx === b.tx ? (a.op === b.op ? 0 : a.op < b.op ? -1 : 1) : a.tx < b.tx ? -1 : 1

/** True for `-1` and for the virtual offsets `0_n` and `0_inf`. */
export const isVirtual = (offset: Offset): boolean => offset.tx <= 0n

/** `16/B374D848` → integer. Throws on anything else. */
export const parseLsn = (text: string): bigint => {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text)
  if (match === null) throw new Error(`not an LSN: ${text}`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

/** Integer → `16/B374D848`, the form that SQL and replication commands take. */
export const formatLsn = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
