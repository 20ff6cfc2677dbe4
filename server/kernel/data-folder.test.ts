import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDataFolder } from './data-folder.ts'

test('a folder is made; a file, and what cannot be made, are said with setting and remedy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-data-'))
  try {
    makeDataFolder(join(folder, 'a', 'b'))
    makeDataFolder(join(folder, 'a', 'b'))
    expect(existsSync(join(folder, 'a', 'b'))).toBe(true)
    const file = join(folder, 'file')
    writeFileSync(file, '')
    for (const path of [file, join(file, 'below')])
      expect(() => makeDataFolder(path)).toThrow(`DATA_DIR: ${path} is a file, or lies below one\n    → set a folder`)
    const long = join(folder, 'x'.repeat(300))
    expect(() => makeDataFolder(long)).toThrow(`DATA_DIR: ${long} cannot be written (ENAMETOOLONG`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
