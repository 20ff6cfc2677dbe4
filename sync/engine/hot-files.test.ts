// Files in memory: what is counted is what is kept alive.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { GrowingFile } from './growing-file.ts'
import { HotFiles } from './hot-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'skerry-hot-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A finished file that is still in memory: the first `length` bytes of a buffer of 64 KiB. */
const inMemory = (name: string, length: number): GrowingFile => {
  const file = new GrowingFile(join(folder, name), false)
  file.append(new Uint8Array(65_536).subarray(0, length).fill(7))
  file.done = true
  return file
}

test('a piece of a large buffer does not keep all of it alive', async () => {
  const hot = new HotFiles()
  const body = await hot.read(inMemory('piece', 10))
  expect([body?.length, body?.buffer.byteLength]).toEqual([10, 10])
})

test('two readers at once get the same bytes, which are counted once', async () => {
  const hot = new HotFiles(65_536 + 2000)
  const file = inMemory('twice', 65_536)
  const [one, two] = await Promise.all([hot.read(file), hot.read(file)])
  expect(one).toBe(two)
  const other = inMemory('other', 100)
  const kept = await hot.read(other)
  expect([await hot.read(file), await hot.read(other)]).toEqual([one, kept])
})

test('many small files are counted with what each costs beside its bytes', async () => {
  const hot = new HotFiles(5200)
  const files = Array.from({ length: 20 }, (_, n) => inMemory(`small-${n}`, 8))
  const first = await Promise.all(files.map(file => hot.read(file)))
  // ten have room: the newest are known, the oldest are read anew
  expect(await hot.read(files.at(-1) as GrowingFile)).toBe(first.at(-1))
  expect(await hot.read(files[0] as GrowingFile)).not.toBe(first[0])
})
