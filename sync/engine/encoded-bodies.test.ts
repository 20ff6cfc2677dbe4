import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { EncodedBodies } from './encoded-bodies.ts'
import { GrowingFile } from './growing-file.ts'
import { folderAt } from './shapes/folder.ts'

let folder = ''
let place = folderAt('')
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-encoded-'))
  place = folderAt(folder)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const all = async (source: AsyncIterable<Uint8Array> | null | undefined): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of must(source, 'a body')) pieces.push(piece)
  return Buffer.concat(pieces)
}

const text = (size: number) => Buffer.from('some words of a row '.repeat(size / 20))

test('S-83 a growing file: readers follow it, whatever is already on disk', async () => {
  const file = new GrowingFile(join(folder, 'a'), true)
  const early = all(file.read())
  const expected: Buffer[] = []
  for (let n = 0; n < 60; n++) {
    const piece = Buffer.alloc(70_000, n)
    expected.push(piece)
    file.append(piece)
    await file.backpressure()
  }
  const middle = all(file.read())
  file.end()
  await file.settled()
  const content = Buffer.concat(expected)
  expect(file.size).toBe(content.length)
  expect(file.inMemory()).toBeNull()
  for (const read of [await early, await middle, await all(file.read())]) expect(read.equals(content)).toBe(true)
  expect((await all(GrowingFile.finished(file.path, content.length).read())).equals(content)).toBe(true)
})

test('S-83 a growing file that fails: its readers hear of it, and a full disk is the writer’s error', async () => {
  const file = new GrowingFile(join(folder, 'a'), true)
  file.append(Buffer.from('half'))
  const reading = all(file.read())
  file.fail(new Error('no more'))
  await expect(reading).rejects.toThrow('no more')
  const nowhere = new GrowingFile(join(folder, 'no', 'such', 'folder'), true)
  nowhere.append(Buffer.from('x'))
  nowhere.end()
  await expect(nowhere.settled()).rejects.toThrow('ENOENT')
})

test('S-88 a body is compressed once per coding, while its source still grows', async () => {
  const bodies = new EncodedBodies()
  const source = new GrowingFile(join(folder, 'plain'), false)
  let made = 0
  const ask = () =>
    bodies.stored(place, 'body', 'gzip', () => {
      made += 1
      return source.read()
    })
  source.append(text(2_000_000))
  const first = ask()
  source.append(text(2_000))
  source.end()
  expect(ask()).toBe(first)
  const coded = await all(first?.read())
  expect(gunzipSync(coded)).toEqual(text(2_002_000))
  await first?.settled()
  expect(made).toBe(1)
  expect(bodies.storedBytes).toBe(coded.length)
  expect(readdirSync(folder)).toContain('body.gz')
  bodies.forget(place)
  expect(bodies.storedBytes).toBe(0)
})

test('S-88 limits: threads and disk; beyond them nothing is compressed', async () => {
  const bodies = new EncodedBodies(10)
  const source = new GrowingFile(join(folder, 'plain'), false)
  source.append(text(2000))
  const running = ['a', 'b', 'c', 'd'].map(name => bodies.stored(place, name, 'br', () => source.read()))
  expect(running).not.toContain(null)
  expect(bodies.stored(place, 'e', 'br', () => source.read())).toBeNull()
  expect(await bodies.whole(text(2000), 'br')).toBeNull()
  source.end()
  for (const file of running) await all(file?.read())
  for (const file of running) await file?.settled()
  expect(bodies.storedBytes).toBeGreaterThan(10)
  expect(bodies.stored(place, 'e', 'br', () => source.read())).toBeNull()
  expect(await bodies.whole(text(2000), 'br')).not.toBeNull()
})

test('S-88 a compression that fails is begun anew by the next reader', async () => {
  const bodies = new EncodedBodies()
  const failing = async function* () {
    yield text(2000)
    throw new Error('the source broke')
  }
  const broken = bodies.stored(place, 'body', 'br', failing)
  await expect(all(broken?.read())).rejects.toThrow('the source broke')
  const again = bodies.stored(place, 'body', 'br', async function* () {
    yield text(2000)
  })
  expect(again).not.toBe(broken)
  await all(again?.read())
})
