// The documents feature in small, for tests of the sockets alone: rights are what the test says, folding is real.
import pg from 'pg'
import * as Y from 'yjs'
import { derive } from '#server/content/document-state.ts'
import type { Actor } from '#server/kernel/actor.ts'
import type { Documents } from '#server/kernel/documents.ts'
import { uuid7 } from '#server/kernel/ids.ts'

/** Where the rights come from; several processes share them through the database. */
export type RightOf = (userId: string, documentId: string) => Promise<{ readonly edit: boolean } | undefined>

export interface FakeDocuments extends Documents {
  /** Each call of `store`, also of those that fail. */
  readonly stores: { readonly documentId: string; readonly contributors: readonly string[] }[]
  /** Rejects the next calls of `store`, this many. */
  failStores(count: number): void
  /** What somebody may do; undefined for nothing. */
  /** May be replaced by a test. */
  access: Documents['access']
  allow(userId: string, documentId: string, right: { readonly edit: boolean } | undefined): void
  /** A new document of that person, without content. */
  create(userId: string): Promise<string>
}

/** Folds the log of a document as the feature does, without what only the feature knows. */
export const foldDocument = async (pool: pg.Pool, documentId: string): Promise<number | undefined> => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query<{ content_version: number }>(
      'select content_version from documents where id = $1 for no key update',
      [documentId],
    )
    const version = rows[0]?.content_version
    const log = await client.query<{ id: number; update: Buffer }>(
      'select id, update from document_updates where document_id = $1 order by id',
      [documentId],
    )
    if (version === undefined || log.rows.length === 0) {
      await client.query('rollback')
      return version
    }
    const stored = await client.query<{ ydoc: Buffer }>('select ydoc from document_contents where document_id = $1', [
      documentId,
    ])
    const state = Y.mergeUpdates([...stored.rows.map(row => row.ydoc), ...log.rows.map(row => row.update)])
    const { json, markdown, plain, attachmentIds } = derive(state)
    await client.query(
      `insert into document_contents (document_id, ydoc, content_json, content_markdown, content_plain, attachment_ids)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (document_id) do update set ydoc = excluded.ydoc, content_json = excluded.content_json,
         content_markdown = excluded.content_markdown, content_plain = excluded.content_plain, updated_at = now()`,
      [documentId, Buffer.from(state), JSON.stringify(json), markdown, plain, attachmentIds],
    )
    await client.query('delete from document_updates where document_id = $1 and id = any($2)', [
      documentId,
      log.rows.map(row => row.id),
    ])
    await client.query('update documents set content_version = content_version + 1 where id = $1', [documentId])
    await client.query('commit')
    return version + 1
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

/** A row of `documents` that belongs to a person. */
export const insertDocument = async (pool: pg.Pool, userId: string): Promise<string> => {
  const id = uuid7()
  await pool.query(`insert into documents (id, scope, user_id, title, rank) values ($1, 'personal', $2, $3, 'a0')`, [
    id,
    userId,
    id,
  ])
  return id
}

/** See the header. Whoever created a document may edit it until `allow` says something else. */
export const fakeDocuments = (pool: pg.Pool): FakeDocuments => {
  const rights = new Map<string, { readonly edit: boolean } | undefined>()
  const stores: FakeDocuments['stores'] = []
  let failing = 0
  return {
    stores,
    failStores: count => {
      failing = count
    },
    allow: (userId, documentId, right) => void rights.set(`${userId}/${documentId}`, right),
    create: async userId => {
      const id = await insertDocument(pool, userId)
      rights.set(`${userId}/${id}`, { edit: true })
      return id
    },
    access: async (actor: Actor, documentId) =>
      actor.kind === 'user' ? rights.get(`${actor.userId}/${documentId}`) : undefined,
    store: async (documentId, contributors) => {
      stores.push({ documentId, contributors })
      if (failing > 0) {
        failing -= 1
        throw new Error('the store fails, as the test wants')
      }
      const contentVersion = await foldDocument(pool, documentId)
      return contentVersion === undefined ? undefined : { contentVersion }
    },
  }
}
