// What every ShapeLog does; each implementation registers this suite.
import { expect, test } from 'vitest'
import { afterSnapshot, compareOffsets, type Offset } from '../lsn.ts'
import { LogDamaged, type ShapeLog } from './log.ts'

/** How a suite gets at one implementation's stored bytes. */
export interface LogBench {
  /** Opens the log, the first time empty, later with what was flushed. */
  open(options?: { chunkBytes?: number; durableLsn?: bigint }): Promise<ShapeLog>
  bytes(): Promise<Buffer>
  setBytes(bytes: Buffer): Promise<void>
}

const item = (id: number | string) => `{"key":"${id}","value":{},"headers":{"op":${JSON.stringify(id)}}}`

/** What a reader gets, as parsed items. */
const read = async (log: ShapeLog, after: Offset = afterSnapshot, upTo: Offset = log.tail) => {
  const pieces: string[] = []
  for await (const piece of log.read(after, upTo)) pieces.push(Buffer.from(piece).toString())
  return JSON.parse(`[${pieces.join(',')}]`) as { key: string; headers: { last?: boolean } }[]
}

const keys = async (log: ShapeLog, after?: Offset, upTo?: Offset) =>
  (await read(log, after, upTo)).map(({ key }) => key)

const transaction = (log: ShapeLog, tx: number, ids: readonly (number | string)[]) => {
  ids.forEach((id, index) => log.stage(BigInt(tx), index * 2, item(id)))
  return log.commit()
}

/** Registers the suite for the implementation `name`. */
export const logContract = (name: string, bench: () => Promise<LogBench>): void => {
  test(`S-30 ${name}: staged items are invisible until their commit`, async () => {
    const log = await (await bench()).open()
    log.stage(10n, 0, item(1))
    log.stage(10n, 2, item(2))
    expect([log.tail, await keys(log)]).toEqual([afterSnapshot, []])
    expect(log.commit()).toBe(true)
    expect(log.tail).toEqual({ tx: 10n, op: 2 })
    expect(await read(log)).toEqual([
      { key: '1', value: {}, headers: { op: 1 } },
      { key: '2', value: {}, headers: { op: 2, last: true } },
    ])
    expect(log.commit()).toBe(false)
  })

  test(`S-30 ${name}: what is read does not depend on what was flushed`, async () => {
    const log = await (await bench()).open()
    for (let tx = 1; tx <= 40; tx++) {
      transaction(log, tx, [`${tx}a`, `${tx}b`])
      if (tx % 7 === 0) await log.flush(tx % 2 === 0)
    }
    const all = Array.from({ length: 40 }, (_x, index) => [`${index + 1}a`, `${index + 1}b`]).flat()
    expect(await keys(log)).toEqual(all)
    expect(await keys(log, { tx: 20n, op: 0 })).toEqual(all.slice(39))
    expect(await keys(log, { tx: 20n, op: 1 })).toEqual(all.slice(39))
    expect(await keys(log, { tx: 20n, op: 2 }, { tx: 30n, op: 0 })).toEqual(all.slice(40, 59))
    const recent = log.readRecent({ tx: 35n, op: 2 }, log.tail)
    expect(JSON.parse(`[${Buffer.from(recent ?? []).toString()}]`)).toHaveLength(10)
    expect(log.readRecent({ tx: 34n, op: 0 }, log.tail)).toBeNull()
  })

  test(`S-31 ${name}: an aborted transaction leaves nothing, whatever of it was written`, async () => {
    const at = await bench()
    const log = await at.open()
    transaction(log, 1, ['a'])
    const large = 'x'.repeat(50_000)
    for (let op = 0; op < 10; op++) log.stage(2n, op * 2, item(`${op}${large}`))
    await log.flush(true)
    expect((await at.bytes()).length).toBeGreaterThan(200_000)
    log.abort()
    expect(await keys(log)).toEqual(['a'])
    transaction(log, 2, ['b'])
    await log.flush(true)
    transaction(log, 3, ['c'])
    await log.flush(true)
    expect(await keys(log)).toEqual(['a', 'b', 'c'])
    expect(await keys(await at.open())).toEqual(['a', 'b', 'c'])
  })

  test(`S-32 ${name}: chunks end where the threshold is crossed, inside transactions too, and stay`, async () => {
    const at = await bench()
    const log = await at.open({ chunkBytes: 1000 })
    for (let tx = 1; tx <= 3; tx++)
      transaction(
        log,
        tx,
        Array.from({ length: 30 }, (_x, index) => `${tx}-${index}`),
      )
    const walk = (from: ShapeLog) => {
      const ends: Offset[] = []
      for (let end: Offset = afterSnapshot; compareOffsets(end, from.tail) < 0; ) {
        end = from.chunkEnd(end)
        ends.push(end)
      }
      return ends
    }
    const ends = walk(log)
    let after: Offset = afterSnapshot
    for (const end of ends.slice(0, -1)) {
      const bytes = (await read(log, after, end)).map(entry => JSON.stringify(entry).length + 1)
      const size = bytes.reduce((sum, length) => sum + length, 0)
      expect(size).toBeGreaterThanOrEqual(1000)
      expect(size - (bytes.at(-1) ?? 0)).toBeLessThan(1000)
      after = end
    }
    await log.flush(true)
    const again = await at.open({ chunkBytes: 1000 })
    expect(walk(again)).toEqual(ends)
    transaction(again, 4, ['x'])
    transaction(log, 4, ['x'])
    expect(walk(again)).toEqual(walk(log))
  })

  test(`S-33 ${name}: cut at any byte, the log opens with whole transactions only`, async () => {
    const at = await bench()
    const log = await at.open()
    for (let tx = 1; tx <= 4; tx++) transaction(log, tx, [`${tx}a`, `${tx}b`])
    await log.flush(true)
    const bytes = await at.bytes()
    const counts = new Set<number>()
    for (let length = 0; length <= bytes.length; length += 1) {
      await at.setBytes(bytes.subarray(0, length))
      const cut = await at.open()
      const found = await keys(cut)
      expect(found).toEqual(['1a', '1b', '2a', '2b', '3a', '3b', '4a', '4b'].slice(0, found.length))
      expect(found.length % 2).toBe(0)
      counts.add(found.length)
      transaction(cut, 9, ['z'])
      await cut.flush(true)
      expect(await keys(await at.open())).toEqual([...found, 'z'])
    }
    expect([...counts]).toEqual([0, 2, 4, 6, 8])
  })

  test(`S-34 ${name}: a damaged transaction that was durable is an error, not a hole`, async () => {
    const at = await bench()
    const log = await at.open()
    for (let tx = 1; tx <= 3; tx++) transaction(log, tx, [`${tx}`])
    await log.flush(true)
    const bytes = await at.bytes()
    const damaged = Buffer.from(bytes)
    const middle = damaged.indexOf('"2"') + 1
    damaged[middle] = 0x39
    await at.setBytes(damaged)
    await expect(at.open({ durableLsn: 3n })).rejects.toBeInstanceOf(LogDamaged)
    await at.setBytes(damaged)
    expect(await keys(await at.open({ durableLsn: 1n }))).toEqual(['1'])
  })

  test(`S-35 ${name}: a flush in the middle of a read takes nothing away`, async () => {
    const log = await (await bench()).open()
    for (let tx = 1; tx <= 5; tx++) transaction(log, tx, [tx])
    const reading = log.read(afterSnapshot, log.tail)[Symbol.asyncIterator]()
    const first = reading.next()
    await log.flush(true)
    transaction(log, 6, [6])
    let text = ''
    for (let next = await first; next.done !== true; next = await reading.next())
      text += `${text === '' ? '' : ','}${Buffer.from(next.value).toString()}`
    expect((JSON.parse(`[${text}]`) as { key: string }[]).map(({ key }) => key)).toEqual(['1', '2', '3', '4', '5'])
  })

  test(`S-35 ${name}: much that is still in memory comes in pieces, and may be written between two of them`, async () => {
    const log = await (await bench()).open()
    const large = 'x'.repeat(50_000)
    const ids = Array.from({ length: 60 }, (_x, index) => `${index}${large}`)
    transaction(log, 1, ids)
    expect(log.readRecent(afterSnapshot, log.tail)).toBeNull()
    const pieces: string[] = []
    for await (const piece of log.read(afterSnapshot, log.tail)) {
      expect(piece.length).toBeLessThan(400_000)
      pieces.push(Buffer.from(piece).toString())
      if (pieces.length !== 2) continue
      await log.flush(false)
      transaction(log, 2, ['later'])
      log.stage(3n, 0, item(large))
    }
    expect((JSON.parse(`[${pieces.join(',')}]`) as { key: string }[]).map(({ key }) => key)).toEqual(ids)
    expect(log.readRecent({ tx: 1n, op: 118 }, log.tail)).not.toBeNull()
  })
}
