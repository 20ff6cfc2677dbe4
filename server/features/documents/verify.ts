// Are the stored texts of documents what their states say? For `skerry verify`: after a change of the content model, or
// when somebody doubts (columns marked as derived in the domain rules, section 2.4).
import { isDeepStrictEqual } from 'node:util'
import type { SystemActor } from '#server/kernel/actor.ts'
import type { Database } from '#server/kernel/database.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import * as Y from 'yjs'
import { readState, saveState, type StoredContent, storedContent } from './content.ts'
import { openDocument } from './open.ts'

const verifier: SystemActor = { kind: 'system', reason: 'verify', userId: undefined, displayName: 'Skerry' }
const batch = 200

export interface ContentReport {
  readonly checked: number
  /** Documents, and which of their columns differ. */
  readonly differing: readonly { readonly id: string; readonly columns: readonly string[] }[]
  readonly repaired: number
}

const differences = (stored: Readonly<Record<string, unknown>>, content: StoredContent): string[] => {
  const { derived } = content
  const expected: Readonly<Record<string, unknown>> = {
    content_json: JSON.parse(content.content_json) as unknown,
    content_markdown: content.content_markdown,
    content_plain: content.content_plain,
    attachment_ids: content.attachment_ids,
    word_count: derived.wordCount,
    excerpt: derived.excerpt,
  }
  return Object.keys(expected).filter(column => !isDeepStrictEqual(stored[column], expected[column]))
}

/** The columns of one document that are not what its stored state says; none when it is gone. */
const check = (database: Pick<Database, 'read'>, id: string): Promise<string[]> =>
  database.read(async reader => {
    const stored = await reader
      .selectFrom('document_contents as c')
      .innerJoin('documents as d', 'd.id', 'c.document_id')
      .select([
        'c.ydoc',
        'c.content_json',
        'c.content_markdown',
        'c.content_plain',
        'c.attachment_ids',
        'd.word_count',
        'd.excerpt',
      ])
      .where('d.id', '=', id)
      .executeTakeFirst()
    if (!stored) return []
    // without the log: what is in it has not been derived yet
    const doc = new Y.Doc()
    Y.applyUpdate(doc, stored.ydoc)
    const content = storedContent(doc, Number.POSITIVE_INFINITY)
    doc.destroy()
    return differences(stored, content)
  })

/**
 * Compares every document with what its state says; `repair` stores those that differ anew, one transaction each.
 * Documents may be written meanwhile.
 */
export const verifyContents = async (
  database: Pick<Database, 'read'>,
  write: ServerWrite,
  repair: boolean,
): Promise<ContentReport> => {
  const differing: { id: string; columns: string[] }[] = []
  let checked = 0
  let repaired = 0
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const from = after
    const rows = await database.read(reader =>
      reader
        .selectFrom('document_contents')
        .select('document_id')
        .where('document_id', '>', from)
        .orderBy('document_id')
        .limit(batch)
        .execute(),
    )
    for (const { document_id: id } of rows) {
      checked += 1
      const columns = await check(database, id)
      if (columns.length === 0) continue
      differing.push({ id, columns })
      if (!repair) continue
      await write('document.verify', verifier, async context => {
        const document = await openDocument(context, id, 'edit')
        const open = await readState(context.tx, id)
        if (!open) return
        const content = storedContent(open.doc, Number.POSITIVE_INFINITY)
        open.doc.destroy()
        await saveState(context, document, content, { folded: open.pending, by: [], quiet: true })
      })
      repaired += 1
    }
    const last = rows.at(-1)
    if (!last) return { checked, differing, repaired }
    after = last.document_id
  }
}
