// What a failed write leaves behind in the files that everything depends on, and when a failure is one of the whole storage.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectingLog } from '../testing/collecting-log.ts'
import type { CrashPoint } from './crash-point.ts'
import { openPositionFile, type Position } from './replication/position.ts'
import { type CatalogEntry, openCatalog } from './shapes/catalog.ts'
import { Storage } from './storage.ts'

let folder: string
let broken: readonly CrashPoint[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-storage-'))
  broken = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const reach = (point: CrashPoint) => {
  if (broken.includes(point)) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
}
const position = (lsn: bigint): Position => ({
  origin: { system: '1', timeline: '1', database: '1', slot: 's', publication: '7' },
  lsn,
  unproven: [],
})

test('S-42 a position that could not be written, again and again, leaves the last one that was', async () => {
  const file = await openPositionFile(folder, reach)
  await file.write(position(1n))
  await file.write(position(2n))
  // the file has been opened, and with that emptied
  broken = ['position.before-sync']
  for (let attempt = 0; attempt < 3; attempt++) await expect(file.write(position(3n))).rejects.toThrow('no space')
  expect(file.last).toEqual(position(2n))
  expect((await openPositionFile(folder, reach)).last).toEqual(position(2n))
  broken = []
  await file.write(position(4n))
  expect((await openPositionFile(folder, reach)).last).toEqual(position(4n))
})

const entry = (handle: string): CatalogEntry => ({
  handle,
  definition: { schema: 'public', name: 'ä', inner: [] } as unknown as CatalogEntry['definition'],
  sources: [1],
  publishedAs: '7 f 8',
  snapshot: { xmin: 1n, xmax: 2n, xip: [] },
  until: 3n,
  chunks: [],
})

test.each(['catalog.before-write', 'catalog.before-sync'] as const)(
  'S-42 S-1 catalog lines that failed at %s are written once more, whole, and none is lost',
  async point => {
    const catalog = await openCatalog(folder, reach)
    catalog.complete(entry('a'))
    await catalog.sync()
    broken = [point]
    catalog.complete(entry('b'))
    await expect(catalog.sync()).rejects.toThrow('no space')
    catalog.retire('a')
    await expect(catalog.sync()).rejects.toThrow('no space')
    broken = []
    catalog.complete(entry('c'))
    await catalog.sync()
    await catalog.close()
    const again = await openCatalog(folder, reach)
    expect(again.entries).toEqual([entry('b'), entry('c')])
    await again.close()
  },
)

const error = (code: string) => Object.assign(new Error(code), { code })

test('S-42 a full disk concerns everything, another failure only if a trial fails as well; each is said once', async () => {
  const log = collectingLog()
  let trial: Error | undefined
  const storage = new Storage(folder, log, async () => {
    if (trial !== undefined) throw trial
  })
  expect(await storage.concerns(error('EISDIR'))).toBe(false)
  expect(storage.failure).toBeUndefined()
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS']) expect(await storage.concerns(error(code))).toBe(true)
  trial = error('EIO')
  for (let times = 0; times < 3; times++) expect(await storage.concerns(error('EIO'))).toBe(true)
  expect(storage.failure).toBe('EIO')
  storage.works()
  storage.works()
  expect(storage.failure).toBeUndefined()
  expect(log.lines.map(({ level, fields }) => [level, fields['code']])).toEqual([
    ['error', 'ENOSPC'],
    ['error', 'EDQUOT'],
    ['error', 'EROFS'],
    ['error', 'EIO'],
    ['info', undefined],
  ])
})

test('S-42 the trial writes into the folder and leaves nothing', async () => {
  const log = collectingLog()
  expect(await new Storage(folder, log).concerns(error('EIO'))).toBe(false)
  expect(readdirSync(folder)).toEqual([])
  const file = join(folder, 'file')
  writeFileSync(file, '')
  expect(await new Storage(file, log).concerns(error('EIO'))).toBe(true)
})
