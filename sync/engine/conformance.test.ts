// Which test speaks of which statement of the protocol's public conformance checklist (E1 … E154). The list is written
// to sync/CONFORMANCE.md: `vitest -u` renews it, and a statement that nobody quotes needs a reason here.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const sync = fileURLToPath(new URL('..', import.meta.url))
const statements = Array.from({ length: 154 }, (_, index) => index + 1)

/** Statements without a test of their own, and why. */
const untested: Readonly<Record<number, string>> = {
  151: 'the official suites are no part of this repository; what they ask is asked by client, official-client, official-subsets, official-types, tanstack, multi-shape and pglite.pg.test.ts, and by e2e/nginx.spec.ts',
}

const testFiles = readdirSync(sync, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.test.ts') && !path.endsWith('conformance.test.ts'))
  .sort()

const files = new Map<number, string[]>(statements.map(number => [number, []]))
for (const path of testFiles) {
  const quoted = new Set(
    [...readFileSync(join(sync, path), 'utf8').matchAll(/\bE(\d{1,3})\b/g)].map(([, n]) => Number(n)),
  )
  for (const number of quoted) files.get(number)?.push(relative('engine', path))
}

test('every statement is quoted by a test, or named with a reason, and not both', () => {
  const missing = statements.filter(number => files.get(number)?.length === 0 && untested[number] === undefined)
  expect(missing).toEqual([])
  const needless = statements.filter(number => files.get(number)?.length !== 0 && untested[number] !== undefined)
  expect(needless).toEqual([])
})

test('the list in the documentation is the present one', async () => {
  const lines = statements.map(
    number => `| E${number} | ${files.get(number)?.join(', ') || (untested[number] ?? '')} |`,
  )
  const text = `# Conformance

Which tests (below \`engine/\`) quote which statement of the protocol's public conformance checklist. Written by
\`engine/conformance.test.ts\`: run it with \`-u\` to renew this list.

| statement | where |
|---|---|
${lines.join('\n')}
`
  await expect(text).toMatchFileSnapshot('../CONFORMANCE.md')
})
