import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openNodeStore } from './node-store.ts'
import { storeContract } from './store.contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'skerry-store-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

storeContract('node:sqlite', { open: async name => openNodeStore(join(folder, `${name}.db`)) })

test('what the store keeps is readable for its own account alone', async () => {
  const store = openNodeStore(join(folder, 'private.db'))
  await store.write([{ op: 'put', bucket: 'a', key: 'x', value: 1 }])
  const files = readdirSync(folder).filter(name => name.startsWith('private.db'))
  expect(files.length).toBeGreaterThan(1)
  for (const name of files) expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0])
  await store.close()
})

/** A process that queues transactions offline as fast as it can and prints the id of each that `commit` has confirmed. */
const writer = (path: string): ChildProcess => {
  const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const code = `import { openNodeStore } from ${url('./node-store.ts')}
    import { createApi } from ${url('./api.ts')}
    import { Outbox } from ${url('./outbox.ts')}
    const api = createApi({ url: 'http://127.0.0.1:9' })
    const outbox = new Outbox({ store: openNodeStore(${JSON.stringify(path)}), api })
    await outbox.open()
    outbox.start()
    for (;;) {
      const { id } = await outbox.commit([{ name: 'task.update', args: { id: outbox.newId(), title: 'x' } }])
      process.stdout.write(id + '\\n')
      await new Promise(resolve => setImmediate(resolve))
    }`
  return spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

test('kill -9 at any moment loses no transaction that commit has confirmed', async () => {
  const path = join(folder, 'killed.db')
  const confirmed: string[] = []
  for (const count of [1, 7, 40]) {
    const child = writer(path)
    let text = ''
    await new Promise<void>(resolve => {
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.split('\n').length > count) {
          child.kill('SIGKILL')
          resolve()
        }
      })
    })
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    // the last line may be cut off; what is whole was confirmed
    confirmed.push(...text.split('\n').slice(0, -1))
    const store = openNodeStore(path)
    const kept = (await store.all('outbox')).map(entry => entry.key)
    await store.close()
    expect(kept).toEqual(expect.arrayContaining(confirmed))
    expect(kept.length - confirmed.length).toBeGreaterThanOrEqual(0)
  }
  expect(confirmed).toEqual(confirmed.toSorted())
})
