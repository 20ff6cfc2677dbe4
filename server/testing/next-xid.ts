// A stopped PostgreSQL cluster whose next transaction gets a given id, for tests near 2^32: what pg_resetwal does, which is
// not among the binaries on npm. Every row has to be frozen before. The next id stands in the last checkpoint, in the WAL
// and in pg_control, each with a CRC-32C.
import { chownSync, closeSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const table = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc >>> 0
})

const crc32c = (...pieces: readonly Buffer[]): number => {
  let crc = 0xffffffff
  for (const piece of pieces) for (const byte of piece) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

const segmentBytes = 16 * 1024 * 1024
const pageBytes = 8192
/** Of XLogRecord, and of the short header of its data. */
const recordHeader = 24
const dataHeader = 2
const nextXidAt = 24
const oldestXidAt = 44
/** In ControlFileData: where the checkpoint is, and its copy. */
const checkpointLsnAt = 32
const checkpointCopyAt = 40

const setXids = (checkpoint: Buffer, next: bigint): void => {
  checkpoint.writeBigUInt64LE(next, nextXidAt)
  checkpoint.writeUInt32LE(Number((next - 1000n) & 0xffffffffn), oldestXidAt)
}

const rewriteRecord = (dataDir: string, lsn: bigint, next: bigint): void => {
  const at = Number(lsn % BigInt(segmentBytes))
  const segment = lsn / BigInt(segmentBytes)
  const hex = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0')
  const file = openSync(join(dataDir, 'pg_wal', `00000001${hex(segment / 256n)}${hex(segment % 256n)}`), 'r+')
  try {
    const head = Buffer.alloc(recordHeader)
    readSync(file, head, 0, recordHeader, at)
    const record = Buffer.alloc(head.readUInt32LE(0))
    if (Math.floor(at / pageBytes) !== Math.floor((at + record.length) / pageBytes))
      throw new Error('the checkpoint lies on two pages')
    readSync(file, record, 0, record.length, at)
    const crc = () => crc32c(record.subarray(recordHeader), record.subarray(0, 20))
    if (crc() !== record.readUInt32LE(20)) throw new Error('no checkpoint where pg_control says')
    setXids(record.subarray(recordHeader + dataHeader), next)
    record.writeUInt32LE(crc(), 20)
    writeSync(file, record, 0, record.length, at)
  } finally {
    closeSync(file)
  }
}

/** Makes `next` the next transaction id (64 bits) of the stopped cluster in `dataDir`. */
export const setNextXid = (dataDir: string, next: bigint): void => {
  const path = join(dataDir, 'global', 'pg_control')
  const control = readFileSync(path)
  let crcAt = 200
  while (crcAt < 512 && crc32c(control.subarray(0, crcAt)) !== control.readUInt32LE(crcAt)) crcAt += 4
  if (crcAt >= 512) throw new Error('no checksum in pg_control')
  rewriteRecord(dataDir, control.readBigUInt64LE(checkpointLsnAt), next)
  setXids(control.subarray(checkpointCopyAt), next)
  control.writeUInt32LE(crc32c(control.subarray(0, crcAt)), crcAt)
  writeFileSync(path, control)
  // Two bits a transaction: the segment with the next one.
  const segment = ((next & 0xffffffffn) >> 20n).toString(16).toUpperCase().padStart(4, '0')
  const commits = join(dataDir, 'pg_xact', segment)
  writeFileSync(commits, Buffer.alloc(32 * pageBytes), { mode: 0o600 })
  const { uid, gid } = statSync(dataDir)
  chownSync(commits, uid, gid)
}
