import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { folderAt } from './folder.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'skerry-folder-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('a folder is there once it was asked for, and not before', async () => {
  const folder = folderAt(join(root, 'aa', 'one'))
  expect(existsSync(folder.path)).toBe(false)
  await Promise.all([folder.ready(), folder.ready()])
  expect(existsSync(folder.path)).toBe(true)
})

test('what was removed does not come back for a file that is late', async () => {
  const never = folderAt(join(root, 'never'))
  await never.remove()
  await expect(never.ready()).rejects.toThrow('has been removed')
  expect(existsSync(never.path)).toBe(false)
  const making = folderAt(join(root, 'making'))
  const made = making.ready()
  await making.remove()
  await made
  await making.ready()
  expect(existsSync(making.path)).toBe(false)
})

test('a folder that could not be made is made when it can be', async () => {
  const parent = join(root, 'parent')
  writeFileSync(parent, '')
  const folder = folderAt(join(parent, 'one'))
  await expect(folder.ready()).rejects.toThrow('ENOTDIR')
  rmSync(parent)
  await folder.ready()
  expect(existsSync(folder.path)).toBe(true)
})
