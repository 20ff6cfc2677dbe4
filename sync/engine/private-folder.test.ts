import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '#server/kernel/log.ts'
import { makePrivateFolder } from './private-folder.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'skerry-private-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('S-89 a new storage folder is its owner’s alone', async () => {
  await makePrivateFolder(join(root, 'a', 'shapes'), silentLog)
  expect(modeOf(join(root, 'a', 'shapes'))).toBe(0o700)
})

test('S-89 one that was open to others is closed, and a closed one stays as it is', async () => {
  const open = join(root, 'open')
  mkdirSync(open)
  chmodSync(open, 0o755)
  await makePrivateFolder(open, silentLog)
  expect(modeOf(open)).toBe(0o700)
  chmodSync(open, 0o500)
  await makePrivateFolder(open, silentLog)
  expect(modeOf(open)).toBe(0o500)
})
