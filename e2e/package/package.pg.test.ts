// The package as its users get it: packed, installed in an empty folder, and run from there: the command, the client
// library, the shape engine, and the types.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyDatabase, until } from '#server/testing/postgres.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)
// whatever `node` starts below is this Node
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}` }
let folder: string
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-package-'))
  // PostgreSQL, which never runs as root, must reach its binaries
  chmodSync(folder, 0o755)
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, env })
  // prepack prints too; the list of packed files comes last
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as { filename: string }[]
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const install = [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `./${packed?.filename}`,
  ]
  await run('npm', install, { cwd: folder, env })
}, 300_000)

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM')
  await until('the processes have ended', () => children.every(one => one.exitCode !== null || one.signalCode !== null))
  rmSync(folder, { recursive: true, force: true })
})

/** Runs `code` as a module of the consumer; resolves with what it prints. */
const evaluate = async (name: string, code: string, ...args: string[]): Promise<string> => {
  writeFileSync(join(folder, name), code)
  const { stdout } = await run(process.execPath, ['--no-warnings', name, ...args], {
    cwd: folder,
    env,
    timeout: 60_000,
  })
  return stdout.trim()
}

test('the package holds no source and no tests', async () => {
  const { files } = JSON.parse(readFileSync(join(folder, 'node_modules/skerry/package.json'), 'utf8')) as {
    files: string[]
  }
  expect(files).toEqual(['dist'])
  const { stdout } = await run('find', ['node_modules/skerry', '-name', '*.ts', '-not', '-name', '*.d.ts'], {
    cwd: folder,
  })
  expect(stdout).toBe('')
  const tests = await run('find', ['node_modules/skerry/dist', '-name', '*.test.*'], { cwd: folder })
  expect(tests.stdout).toBe('')
})

test('the command starts a server, and the client library works with it', async () => {
  const server = spawn(join(folder, 'node_modules/.bin/skerry'), ['start'], {
    cwd: folder,
    env: { ...env, DATA_DIR: join(folder, 'data'), PORT: '0', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(server)
  let output = ''
  const listen = (chunk: Buffer) => {
    output += chunk.toString()
  }
  server.stdout.on('data', listen)
  server.stderr.on('data', listen)
  await until(
    'the server is ready',
    () => {
      if (server.exitCode !== null) throw new Error(output)
      return /Health {2,}\S+/.test(output)
    },
    60_000,
  )
  const url = /API {2,}(\S+)\/api\/docs/.exec(output)?.[1] ?? ''
  const printed = await evaluate(
    'client.js',
    `import { createApi, createClient, mutation } from 'skerry/client'
    import { openNodeStore } from 'skerry/client/node'
    const [url] = process.argv.slice(2)
    const api = createApi({ url })
    const { access_token: token } = await api.register({ email: 'ann@example.com', password: 'tide-and-granite-7', display_name: 'Ann' })
    const { data: application } = await api.post('/api/applications', { name: 'A' })
    const { data: project } = await api.post('/api/applications/' + application.id + '/projects', { name: 'P', key: 'P' })
    const client = await createClient({ url, token, store: openNodeStore('client.db') })
    const tasks = await client.follow('tasks', { application_id: application.id })
    await tasks.ready()
    const id = client.newId()
    const { outcome } = await client.commit(mutation('task.create', { id, project_id: project.id, title: 'Packed' }))
    await outcome
    while (tasks.synced(id) === undefined) await new Promise(resolve => { const end = tasks.subscribe(() => { end(); resolve() }) })
    console.log(tasks.get(id).task_key, tasks.get(id).title)
    await client.close()
    // the official client keeps a timer of a minute behind a closed stream
    process.exit()`,
    url,
  )
  expect(printed).toBe('P-1 Packed')
  const version = await evaluate(
    'version.js',
    `const r = await fetch(process.argv[2] + '/api/openapi.json'); console.log((await r.json()).info.version)`,
    url,
  )
  expect(version).toBe((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version)
})

test('the shape engine runs on its own', async () => {
  const database = await emptyDatabase()
  try {
    const printed = await evaluate(
      'engine.js',
      `import pg from 'pg'
      import { createEngine, createHttpServer, listen, silentLog } from 'skerry/engine'
      const [databaseUrl, replicationId] = process.argv.slice(2)
      const db = new pg.Client({ connectionString: databaseUrl })
      await db.connect()
      await db.query('create table items (id int primary key, title text)')
      await db.query("insert into items values (1, 'packed')")
      const engine = createEngine({ databaseUrl, storageDir: 'engine', publication: 'automatic', replicationId, log: silentLog })
      await engine.start()
      const server = createHttpServer({ upstream: engine, secret: null, log: silentLog })
      const port = await listen(server, 0, '127.0.0.1')
      const response = await fetch('http://127.0.0.1:' + port + '/v1/shape?table=items&offset=-1')
      console.log(response.status, (await response.json())[0].value.title)
      server.close()
      server.closeAllConnections()
      await engine.stop()
      await db.end()`,
      database.url,
      `package_${process.pid}`,
    )
    expect(printed).toBe('200 packed')
  } finally {
    await database.drop()
  }
})

test('the types are there, and say what is wrong', async () => {
  writeFileSync(
    join(folder, 'types.ts'),
    `import { type Collection, createClient, mutation, type Store, type Task } from 'skerry/client'
    import { openNodeStore } from 'skerry/client/node'
    import { createEngine, type Engine } from 'skerry/engine'
    const store: Store = openNodeStore('x.db')
    const client = await createClient({ url: 'http://localhost:4000', store })
    const tasks: Collection<Task> = await client.follow('tasks', { application_id: 'x' })
    const titles: string[] = tasks.rows().map(task => task.title)
    await client.commit(mutation('task.update', { id: 'x', title: titles[0] ?? '' }))
    // @ts-expect-error a title is text
    mutation('task.update', { id: 'x', title: 5 })
    export const make: (options: Parameters<typeof createEngine>[0]) => Engine = createEngine\n`,
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--module', 'nodenext']
  // the consumer's own @types; here those of this project stand in
  const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
  const { stdout } = await run(process.execPath, [tsc, ...options, ...types, 'types.ts'], { cwd: folder, env }).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
})
