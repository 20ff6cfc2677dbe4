// The sockets alone: no database, everybody may do everything, documents live in this process.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { UserActor } from '#server/kernel/actor.ts'
import type { Log } from '#server/kernel/log.ts'
import { silentLog } from '#server/kernel/log.ts'
import type { DocumentStore } from '../postgres-store.ts'
import { type Collab, type CollabOptions, createCollab } from '../service.ts'

/** A store that forgets at the end; tests replace its functions to break it. */
export interface MemoryStore extends DocumentStore {
  load: DocumentStore['load']
  append: DocumentStore['append']
  readonly logs: Map<string, Uint8Array[]>
}

export const memoryStore = (): MemoryStore => {
  const logs = new Map<string, Uint8Array[]>()
  return {
    logs,
    load: async documentId => ({ state: undefined, updates: [...(logs.get(documentId) ?? [])] }),
    append: async updates => {
      for (const { documentId, update } of updates) {
        logs.set(documentId, [...(logs.get(documentId) ?? []), update.slice()])
      }
    },
    unfolded: async () => [],
  }
}

export interface MemoryServer {
  readonly url: string
  readonly collab: Collab
  readonly store: MemoryStore
  close(): Promise<void>
}

/** The person behind a token: the token is the id. */
export const personOf = (token: string): UserActor => ({
  kind: 'user',
  userId: token,
  displayName: `person ${token}`,
  sessionPublicId: token,
  isAdmin: false,
})

/** Starts one; options replace the parts. */
export const startMemoryServer = async (options: Partial<CollabOptions> = {}): Promise<MemoryServer> => {
  const store = memoryStore()
  const log: Log = silentLog
  const collab = createCollab({
    documents: { access: async () => ({ edit: true }), store: async () => ({ contentVersion: 1 }) },
    store,
    callerOf: async ({ token }) => (token === undefined ? undefined : personOf(token)),
    sessionLives: async () => true,
    isMember: async () => true,
    avatarOf: async () => undefined,
    settings: { debounceMs: 50, maxDebounceMs: 200, maxDocumentBytes: 10 * 1024 * 1024, limited: true },
    log,
    ...options,
  })
  await collab.start()
  const server = createServer()
  server.on('upgrade', (request, socket, head) => collab.upgrade(request, socket, head, '127.0.0.1'))
  await new Promise<void>(done => {
    server.listen(0, '127.0.0.1', done)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    collab,
    store,
    close: async () => {
      await collab.stop()
      await new Promise(done => {
        server.close(done)
      })
    },
  }
}
