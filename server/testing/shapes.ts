// The server with the real shape engine behind its gate, as main.ts composes them, and the official client to read with.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FetchError, type Row, Shape, ShapeStream, type ShapeStreamInterface } from '@electric-sql/client'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import type { Engine } from '#sync/engine/engine.ts'
import { createEngine } from '#sync/engine/service.ts'
import { migratedDatabase, until } from './postgres.ts'
import { startTestServer, type TestServer } from './server.ts'

export interface ShapeServer extends TestServer {
  readonly engine: Engine
  /** Waits until everything committed so far is in the shapes. */
  caughtUp(): Promise<void>
}

/** Starts one; `close` ends everything and removes its folder and database. */
export const startShapeServer = async (): Promise<ShapeServer> => {
  const database = await migratedDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'skerry-shapes-'))
  const engine = createEngine({
    databaseUrl: database.url,
    storageDir: folder,
    publication: 'manual',
    publicationName: 'electric_publication_default',
    replicationId: database.url.split('/').at(-1)?.toLowerCase() ?? 'test',
    log: silentLog,
  })
  await engine.start()
  const server = await startTestServer({ upstream: engine, databaseUrl: database.url })
  await until('the engine is active', async () => (await engine.health()) === 'active')
  return {
    ...server,
    engine,
    caughtUp: async () => {
      // a published change as a marker: whatever was committed before it is in the shapes when it is
      const client = await server.database.pool.connect()
      try {
        await client.query('begin')
        await client.query('update users set locale = locale where id = (select id from users limit 1)')
        const { rows } = await client.query<{ lsn: string }>(
          `select (pg_current_wal_insert_lsn() - '0/0')::text as lsn`,
        )
        await client.query('commit')
        await engine.advance(BigInt(must(rows[0]).lsn))
      } finally {
        client.release()
      }
    },
    close: async () => {
      await server.close()
      await engine.stop()
      await rm(folder, { recursive: true, force: true })
      await database.drop()
    },
  }
}

export interface ShapeRead {
  /** 200, or the status that the gate refused with. */
  readonly status: number
  readonly rows: readonly Row[]
}

/** All rows of a shape as they are now, read by Electric's own client. */
export const readShape = async (
  server: TestServer,
  token: string,
  name: string,
  params: Readonly<Record<string, string>> = {},
): Promise<ShapeRead> => {
  const ended = new AbortController()
  let failed: unknown
  const stream = new ShapeStream({
    url: `${server.url}/api/shapes/${name}`,
    // the client's type forbids names of its own parameters, which a record of any names cannot promise
    params: params as Record<string, never>,
    headers: { authorization: `Bearer ${token}` },
    subscribe: false,
    signal: ended.signal,
    onError: error => {
      failed = error
    },
  })
  const shape = new Shape(stream as unknown as ShapeStreamInterface)
  try {
    const done = Promise.withResolvers<void>()
    shape.subscribe(() => done.resolve())
    await Promise.race([shape.rows, done.promise, until(`shape ${name} failed`, () => failed !== undefined)])
    if (failed !== undefined) throw failed
    return { status: 200, rows: shape.currentRows }
  } catch (error) {
    if (error instanceof FetchError) return { status: error.status, rows: [] }
    throw error
  } finally {
    ended.abort()
  }
}
