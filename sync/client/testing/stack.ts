// The real server with the real shape engine, and clients of `sync/client` on it, for tests of the client library.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '#server/kernel/log.ts'
import { migratedDatabase } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import { type Client, type ClientOptions, createClient } from '../client.ts'
import type { Collection } from '../collection.ts'
import { createIds } from '../ids.ts'
import { openNodeStore } from '../node-store.ts'
import type { Engine } from '../../engine/engine.ts'
import { createEngine } from '../../engine/service.ts'
import type { ShapeUpstream } from '../../upstream.ts'
import { uniqueId } from '../../testing/engine.ts'

export interface Board {
  readonly applicationId: string
  readonly projectId: string
  /** The five default columns in order. */
  readonly statuses: readonly { readonly id: string; readonly category: string }[]
}

export interface ClientStack {
  readonly server: TestServer
  /** Ends the shape engine and starts another one; with `empty`, one that knows no shape any more. */
  restartEngine(options?: { empty?: boolean }): Promise<void>
  /** A folder that goes with the stack. */
  readonly folder: string
  /** Registers a person, who gets a board where `board` is left out, or joins that of `owner` as editor. */
  person(name: string): Promise<Person>
  close(): Promise<void>
}

export type Person = Awaited<ReturnType<TestServer['signUp']>> & {
  readonly name: string
  /** A client on the file `<name>.<device>.db`; the same again after a close. */
  open(device?: string, options?: Partial<ClientOptions>): Promise<Client>
  makeBoard(): Promise<Board>
  /** Takes `person` into the application and its projects as editor. */
  invite(person: Person, board: Board): Promise<void>
}

/** Short waits, so that tests of failures do not take long. */
export const quick = { initialMs: 20, maxMs: 200 }

const ids = createIds(Date.now)

/** A new id. */
export const newId = (): string => ids.next()

/** Starts database, engine and server; `origins` are those of pages that call it from a browser. */
export const startClientStack = async (
  options: { databaseUrl?: string; origins?: readonly string[]; longPollMs?: number } = {},
): Promise<ClientStack> => {
  const own = options.databaseUrl === undefined ? await migratedDatabase() : undefined
  const databaseUrl = options.databaseUrl ?? own?.url ?? ''
  const folder = mkdtempSync(join(tmpdir(), 'skerry-client-'))
  const startEngine = async (storage: string): Promise<Engine> => {
    const engine = createEngine({
      databaseUrl,
      storageDir: join(folder, storage),
      publication: 'manual',
      publicationName: 'electric_publication_default',
      replicationId: uniqueId(),
      longPollMs: options.longPollMs ?? 2000,
      log: silentLog,
    })
    await engine.start()
    return engine
  }
  let engine = await startEngine('shapes')
  let restarts = 0
  const upstream: ShapeUpstream = { handle: request => engine.handle(request), health: () => engine.health() }
  const server = await startTestServer({
    databaseUrl,
    upstream,
    env: { CORS_ORIGINS: (options.origins ?? []).join(',') },
  })
  const person = async (name: string): Promise<Person> => {
    const signedUp = await server.signUp(name)
    return {
      ...signedUp,
      name,
      open: (device = 'laptop', more = {}) =>
        createClient({
          url: server.url,
          token: signedUp.token,
          store: openNodeStore(join(folder, `${name}.${device}.db`)),
          backoff: quick,
          ...more,
        }),
      makeBoard: async () => {
        const application = await signedUp.post('/api/applications', { name: `${name}'s application` })
        const applicationId = (application.body as { data: { id: string } }).data.id
        const project = await signedUp.post(`/api/applications/${applicationId}/projects`, { name: 'Board', key: 'B' })
        const projectId = (project.body as { data: { id: string } }).data.id
        const full = await signedUp.get(`/api/projects/${projectId}/full`)
        return {
          applicationId,
          projectId,
          statuses: (full.body as { data: { statuses: Board['statuses'] } }).data.statuses,
        }
      },
      invite: async (other, { applicationId, projectId }) => {
        const made = await signedUp.post(`/api/applications/${applicationId}/invitations`, {
          user_id: other.userId,
          role: 'editor',
          projects: [{ project_id: projectId, role: 'member' }],
        })
        const { id } = (made.body as { data: { id: string } }).data
        const accepted = await other.post(`/api/invitations/${id}/accept`)
        if (accepted.status !== 200) throw new Error(accepted.text)
      },
    }
  }
  return {
    server,
    restartEngine: async ({ empty = false } = {}) => {
      await engine.stop()
      restarts += 1
      engine = await startEngine(empty ? `shapes-${restarts}` : 'shapes')
    },
    folder,
    person,
    close: async () => {
      await server.close()
      await engine.stop()
      await own?.drop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Rows by id, sorted, for comparisons. */
export const sorted = <Row>(collection: Collection<Row>): Row[] =>
  (collection.rows() as (Row & { id: string })[]).toSorted((a, b) => (a.id < b.id ? -1 : 1))
