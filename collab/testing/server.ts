// A whole server with documents that the test rules, its people, and clients that end with it.
import { must } from '#server/kernel/must.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import { documentName } from '../document-name.ts'
import { type Replica, transports } from './clients.ts'
import { type FakeDocuments, fakeDocuments } from './fake-documents.ts'

export interface CollabServer {
  readonly server: TestServer
  readonly documents: FakeDocuments
  readonly ann: { readonly userId: string; readonly token: string }
  readonly bo: { readonly userId: string; readonly token: string }
  /** A client in a document, or in the room of that name. */
  readonly open: (documentId: string, token: string, kind?: Replica['kind']) => Replica
  close(): Promise<void>
}

/** Starts one. Documents are stored 100 ms after the last change. */
export const startCollabServer = async (env: Readonly<Record<string, string>> = {}): Promise<CollabServer> => {
  let documents: FakeDocuments | undefined
  const server = await startTestServer({
    env: { COLLAB_DEBOUNCE_MS: '100', COLLAB_MAX_DEBOUNCE_MS: '500', ...env },
    documents: database => {
      documents = fakeDocuments(database.pool)
      return documents
    },
  })
  const replicas: Replica[] = []
  return {
    server,
    documents: must(documents),
    ann: await server.signUp('ann'),
    bo: await server.signUp('bo'),
    open: (documentId, token, kind = 'hocuspocus') => {
      const room = documentId.includes(':') ? documentId : documentName(documentId)
      const replica = transports[kind]({ url: () => server.url, room, token })
      replicas.push(replica)
      return replica
    },
    close: async () => {
      for (const replica of replicas) replica.destroy()
      await server.close()
    },
  }
}
