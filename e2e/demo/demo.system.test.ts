// The demo as a user runs it: exit code, and what it says.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const shared = process.env.SKERRY_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url))
const realBacklog = `${shared}/data/backlog-md`

const runDemo = (args: readonly string[]): Promise<{ code: number | null; text: string }> =>
  new Promise(done => {
    const child = spawn(process.execPath, ['server/cli.ts', 'demo', ...args], { cwd: root })
    let text = ''
    child.stdout.on('data', piece => (text += String(piece)))
    child.stderr.on('data', piece => (text += String(piece)))
    child.once('exit', code => done({ code, text }))
  })

const said = (text: string, label: string): string => text.split('\n').find(line => line.startsWith(label)) ?? text

test('on Skerry’s own roadmap: everybody ends equal, and every kind of outcome is there', async () => {
  const { code, text } = await runDemo([])
  const [, compared, each] =
    /Ann = Bo = Postgres: (\d+) rows compared one by one, (\d+) of each client/.exec(text) ?? []
  expect(Number(compared)).toBe(2 * Number(each))
  expect(text).toContain(`(${Number(each) + 1} at the first sync, 1 gone with Bo’s right to the second board)`)
  expect(said(text, 'Imported')).toMatch(/62 tasks, 114 checklists, 204 items/)
  expect(said(text, '  applied')).toMatch(/applied +22 \([1-9]\d* fields superseded/)
  expect(said(text, '  rejected')).toMatch(/rejected +1 \(forbidden/)
  expect(code).toBe(0)
})

test('an input that is no Backlog.md folder ends with a message and not with 0', async () => {
  const { code, text } = await runDemo(['--input', `${root}/migrations`])
  expect(text).toContain('holds no Backlog.md tasks')
  expect(code).toBe(1)
})

const reason = existsSync(realBacklog) ? '' : ` (not run: ${realBacklog} is missing)`
describe.skipIf(reason !== '')(`a real project's backlog${reason}`, () => {
  test('about 700 tasks: everybody ends equal', async () => {
    const { code, text } = await runDemo(['--input', realBacklog])
    expect(said(text, 'Imported')).toMatch(/67\d tasks/)
    expect(said(text, 'Proof')).toMatch(/Ann = Bo = Postgres: 1\d{4} rows compared/)
    expect(code).toBe(0)
  })
})
