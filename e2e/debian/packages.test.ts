import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { notRun } from './global-setup.ts'
import { findProgram } from './packages.ts'

const folder = mkdtempSync(join(tmpdir(), 'skerry-programs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a program is found on the path under any of its names, or where the environment says', () => {
  const path = join(folder, 'google-chrome')
  writeFileSync(path, '')
  chmodSync(path, 0o755)
  expect(findProgram('chromium', { PATH: folder })).toBe(path)
  expect(findProgram('chromium', { PATH: '', SKERRY_CHROMIUM: path })).toBe(path)
  expect(findProgram('chromium', { PATH: folder, SKERRY_CHROMIUM: join(folder, 'none') })).toBeUndefined()
  chmodSync(path, 0o644)
  expect(findProgram('chromium', { PATH: '', SKERRY_CHROMIUM: path })).toBeUndefined()
})

test('what was not run is named with its cause', () => {
  expect(notRun({})).toEqual([])
  expect(notRun({ chromium: 'only root can install it' })).toEqual([
    'NOT RUN: the browser tests, for want of chromium (only root can install it).',
  ])
})
