import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** Parses as many clauses as make V8 optimise, waits for what it does in the background, and says what that took. */
const script = `
const { parseWhere } = await import(${JSON.stringify(new URL('./parse.ts', import.meta.url).href)})
await parseWhere('a = 0')
const before = process.resourceUsage().maxRSS
for (let n = 0; n < 2000; n++) await parseWhere("project_id = 'p' AND n > " + n)
await new Promise(resolve => setTimeout(resolve, 2000))
process.stdout.write(String(process.resourceUsage().maxRSS - before))`

test('S-94 parsing many clauses does not cost the memory of a compiler', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stderr).toBe('')
  // KiB
  expect(Number(stdout)).toBeGreaterThanOrEqual(0)
  expect(stdout).not.toBe('')
  expect(Number(stdout)).toBeLessThan(100_000)
}, 30_000)
