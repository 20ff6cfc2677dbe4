// The only file that knows the tables document_contents and document_updates. A document is what the stored state and
// all of its logged updates say together; folding the one into the other is the documents feature's (kernel/documents).
import type pg from 'pg'

/** What is stored of a document: apply `state`, then `updates` in order. */
export interface StoredDocument {
  /** Undefined when nothing was ever folded. */
  readonly state: Uint8Array | undefined
  readonly updates: readonly Uint8Array[]
}

/** One update on its way into the log. */
export interface LoggedUpdate {
  readonly documentId: string
  readonly update: Uint8Array
}

export interface DocumentStore {
  /** One statement, one snapshot: a fold that runs meanwhile is seen whole or not at all. Undefined: no such document. */
  load(documentId: string): Promise<StoredDocument | undefined>
  /** Durable when it resolves; all or nothing. */
  append(updates: readonly LoggedUpdate[]): Promise<void>
  /** Documents with something in the log, at most `limit`. */
  unfolded(limit: number): Promise<readonly string[]>
}

const loadStatement = `
  select c.ydoc,
         array(select u.update from document_updates u where u.document_id = d.id order by u.id) as updates
    from documents d left join document_contents c on c.document_id = d.id
   where d.id = $1`

const appendStatement = `
  insert into document_updates (document_id, update) select * from unnest($1::uuid[], $2::bytea[])`

/** The store on a pool whose connections may write. */
export const postgresStore = (pool: Pick<pg.Pool, 'query'>): DocumentStore => ({
  load: async documentId => {
    const { rows } = await pool.query<{ ydoc: Buffer | null; updates: Buffer[] }>(loadStatement, [documentId])
    const [row] = rows
    return row && { state: row.ydoc ?? undefined, updates: row.updates }
  },
  append: async updates => {
    await pool.query(appendStatement, [
      updates.map(({ documentId }) => documentId),
      updates.map(({ update }) => Buffer.from(update.buffer, update.byteOffset, update.byteLength)),
    ])
  },
  unfolded: async limit => {
    const { rows } = await pool.query<{ document_id: string }>(
      'select distinct document_id from document_updates limit $1',
      [limit],
    )
    return rows.map(row => row.document_id)
  },
})
