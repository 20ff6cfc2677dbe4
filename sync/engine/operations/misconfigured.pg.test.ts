// What is wrong with Postgres or the URL is said once in the log and to every reader, with the remedy; and when it is put
// right the engine goes on by itself.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import {
  emptyDatabase,
  queryOnce,
  sharedMajor,
  startCluster,
  type TestDatabase,
  until,
} from '#server/testing/postgres.ts'
import { type CollectingLog, collectingLog } from '../../testing/collecting-log.ts'
import { startEngine, type TestEngine } from '../../testing/engine.ts'
import { ask } from '../../testing/http.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

const database = async (): Promise<TestDatabase> => {
  const made = await emptyDatabase()
  cleanUp.push(() => made.drop())
  await queryOnce(made.url, 'create table items (id int primary key)')
  return made
}

const begin = async (url: string): Promise<{ running: TestEngine; log: CollectingLog }> => {
  const log = collectingLog()
  const running = await startEngine(url, { readinessMs: 0, log })
  cleanUp.push(() => running.stop())
  return { running, log }
}

/** The same words for readers and in the log, one line there however often it was tried. */
const says = async ({ running, log }: { running: TestEngine; log: CollectingLog }, said: string, remedy: string) => {
  let text = ''
  await until(said, async () => {
    const reply = await ask(running.url, { table: 'items', offset: -1 })
    ;({ text } = reply)
    return reply.status === 503 && text.includes(`${said}: ${remedy}`)
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it says ${text}`)
  })
  const lines = log.lines.filter(({ level }) => level === 'error')
  expect(lines.map(({ message, fields }) => [message, fields['remedy']])).toEqual([
    ['replication cannot begin', remedy],
  ])
}

const isActive = (running: TestEngine) => async () => (await running.engine.health()) === 'active'

test('S-9 wal_level', async () => {
  const cluster = await startCluster({ major: sharedMajor(), settings: { wal_level: 'replica' } })
  cleanUp.push(() => cluster.stop())
  await says(
    await begin(cluster.url),
    'Postgres runs without logical replication',
    'set wal_level = logical in postgresql.conf and restart Postgres',
  )
})

test('S-9 a role that may not replicate, and then may', async () => {
  const { url } = await database()
  const role = `r${Math.random().toString(36).slice(2, 10)}`
  await queryOnce(url, `create role ${role} login password 'x'; alter table items owner to ${role}`)
  cleanUp.push(() => queryOnce(url, `drop owned by ${role}; drop role ${role}`))
  const theirs = new URL(url)
  theirs.username = role
  theirs.password = 'x'
  const engine = await begin(theirs.href)
  await says(
    engine,
    'the role of the engine may not replicate',
    'ALTER ROLE … REPLICATION for the role of the database URL',
  )
  await queryOnce(url, `alter role ${role} replication`)
  await until('the next reason', async () =>
    (await ask(engine.running.url, { table: 'items', offset: -1 })).text.includes(
      'GRANT CREATE ON DATABASE … to the role',
    ),
  )
  await queryOnce(url, `grant create on database ${new URL(url).pathname.slice(1)} to ${role}`)
  await until('it streams', isActive(engine.running))
  expect((await ask(engine.running.url, { table: 'items', offset: -1 })).status).toBe(200)
  await engine.running.stop()
  await queryOnce(url, `drop publication electric_publication_${engine.running.replicationId}`)
})

test('S-9 a wrong password, and then the right one; the password is in no line', async () => {
  const { url } = await database()
  const role = `r${Math.random().toString(36).slice(2, 10)}`
  await queryOnce(url, `create role ${role} superuser login password 'right'`)
  cleanUp.push(() => queryOnce(url, `reassign owned by ${role} to current_user; drop role ${role}`))
  const theirs = new URL(url)
  theirs.username = role
  theirs.password = 'wrong-7'
  const engine = await begin(theirs.href)
  await says(
    engine,
    'Postgres refuses the role of the engine',
    'check user and password of the database URL, and pg_hba.conf',
  )
  expect(JSON.stringify(engine.log.lines)).not.toContain('wrong-7')
  await queryOnce(url, `alter role ${role} password 'wrong-7'`)
  await until('it streams', isActive(engine.running))
})

test('S-9 Postgres is not there yet', async () => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  taken.close()
  await once(taken, 'close')
  await says(
    await begin(`postgres://u:p@127.0.0.1:${port}/d`),
    'Postgres cannot be reached',
    'start Postgres, or correct host and port of the database URL',
  )
})

test('S-9 a connection pooler', async () => {
  const fields = ['SFATAL', 'C08P01', 'Munsupported startup parameter: replication', '']
  const text = Buffer.from(fields.map(field => `${field}\0`).join(''))
  const pooler = createServer(socket => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      const head = Buffer.alloc(5)
      head.write('E')
      head.writeInt32BE(text.length + 4, 1)
      socket.end(Buffer.concat([head, text]))
    })
  })
  pooler.listen(0, '127.0.0.1')
  await once(pooler, 'listening')
  cleanUp.push(async () => pooler.close())
  await says(
    await begin(`postgres://u:p@127.0.0.1:${(pooler.address() as AddressInfo).port}/d`),
    'the database URL leads to a connection pooler',
    'give the address of Postgres itself: a replication stream cannot be shared',
  )
})
