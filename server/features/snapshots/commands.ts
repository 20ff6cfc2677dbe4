// snapshot.* (domain rules, sections 4 and 8.4).
import { jsonOf, replaceUpdate } from '#server/content/document-state.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { notFound } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide } from '#server/kernel/policy.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { changeContent } from '../documents/change-content.ts'
import { readState, storedContent } from '../documents/content.ts'
import { type LockedDocument, openDocument, recordOf as recordOfDocument, requireUnlocked } from '../documents/open.ts'
import { documentRow, contentWrites, type DocumentSettings } from '../documents/schema.ts'
import { snapshotColumns, takeSnapshot } from '../documents/take-snapshot.ts'
import { createInput, idInput, renameInput, snapshotRow } from './schema.ts'
import { snapshotPolicy } from './policy.ts'

const read = (context: WriteContext, id: string) =>
  context.tx.selectFrom('document_snapshots').select(snapshotColumns).where('id', '=', id)

type Snapshot = NonNullable<Awaited<ReturnType<ReturnType<typeof read>['executeTakeFirst']>>>

/** The snapshot and its document, both locked. */
const open = async (context: WriteContext, id: string) => {
  const found = await read(context, id).executeTakeFirst()
  if (!found) throw notFound()
  const document = await openDocument(context, found.document_id, 'edit')
  const snapshot = await read(context, id).forUpdate().executeTakeFirst()
  if (!snapshot) throw notFound()
  return { document, snapshot }
}

const recordOf = (document: LockedDocument, snapshot: Snapshot) => ({
  ...recordOfDocument(document),
  entityType: 'snapshot',
  entityId: snapshot.id,
  entityLabel: snapshot.name ?? document.title,
})

const create = defineCommand({
  name: 'snapshot.create',
  summary: 'Keeps the present state of a document under a name.',
  access: 'DOCEDIT',
  input: createInput,
  output: snapshotRow,
  limits: contentWrites,
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.document_id, 'edit')
    await requireFreeId(context, 'document_snapshots', input.id)
    const { doc } = must(await readState(context.tx, document.id))
    const content = storedContent(doc, Number.POSITIVE_INFINITY)
    doc.destroy()
    const { id = uuid7(), name } = input
    const snapshot = await takeSnapshot(context, document, content, { kind: 'named', id, name })
    context.record(recordOf(document, snapshot))
    return { data: snapshot }
  },
})

const rename = defineCommand({
  name: 'snapshot.rename',
  summary: 'Names a snapshot; it is then kept until it is deleted.',
  access: 'DOCEDIT',
  input: renameInput,
  output: snapshotRow,
  inTransactions: true,
  run: async (context, input) => {
    const { document, snapshot } = await open(context, input.id)
    if (snapshot.name === input.name) return { data: snapshot }
    const renamed = await context.tx
      .updateTable('document_snapshots')
      .set({ kind: 'named', name: input.name })
      .where('id', '=', snapshot.id)
      .returning(snapshotColumns)
      .executeTakeFirstOrThrow()
    context.record({
      ...recordOf(document, renamed),
      changes: { name: { old: snapshot.name, new: input.name } },
    })
    return { data: renamed }
  },
})

const remove = defineCommand({
  name: 'snapshot.delete',
  summary: 'Deletes a snapshot.',
  access: 'DOCEDIT',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { document, snapshot } = await open(context, input.id)
    const subject = { ...snapshot, project_id: document.project_id }
    await decide(snapshotPolicy, 'delete', subject, context.actor, context.access)
    await context.tx.deleteFrom('document_snapshots').where('id', '=', snapshot.id).execute()
    context.record(recordOf(document, snapshot))
    return { data: { id: snapshot.id } }
  },
})

const restore = (settings: DocumentSettings) =>
  defineCommand({
    name: 'snapshot.restore',
    summary: 'Makes the content of the document equal the snapshot, by one edit that reaches every editor.',
    access: 'DOCEDIT',
    input: idInput,
    output: documentRow,
    limits: contentWrites,
    inTransactions: true,
    run: async (context, input) => {
      const { document, snapshot } = await open(context, input.id)
      await requireUnlocked(context, document.id)
      const kept = await context.tx
        .selectFrom('snapshot_contents')
        .select('ydoc')
        .where('snapshot_id', '=', snapshot.id)
        .executeTakeFirstOrThrow()
      const wanted = jsonOf(kept.ydoc)
      const written = await changeContent(context, document, {
        settings,
        compute: state => replaceUpdate(state(), wanted),
        keep: 'before_restore',
      })
      if (written.changed) context.record(recordOf(written.document, snapshot))
      return { data: written.document }
    },
  })

/** snapshot.* with the limits of content. */
export const snapshotCommands = (settings: DocumentSettings): readonly AnyCommand[] => [
  create,
  rename,
  remove,
  restore(settings),
]
