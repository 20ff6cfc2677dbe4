// document.delete, .restore and .purge (domain rules, sections 4 and 8.9).
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { type LockedDocument, openDocument, recordOf } from './open.ts'
import { documentColumns, idInput, documentRow } from './schema.ts'
import { bringBack, purge, putAway } from './trash.ts'

const rootOf = (document: LockedDocument) =>
  ({ entityType: 'document', row: document, label: recordOf(document) }) as const
const alone = (document: LockedDocument) => ({ folders: [], documents: [document] })

const reread = (context: WriteContext, id: string) =>
  context.tx.selectFrom('documents').select(documentColumns).where('id', '=', id).executeTakeFirstOrThrow()

const remove = defineCommand({
  name: 'document.delete',
  summary: 'Moves a document to the trash for 30 days.',
  access: 'DOCEDIT',
  input: idInput,
  output: documentRow,
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.id, 'edit', true)
    if (document.deleted_at) return { data: document }
    const superseded = await putAway(context, rootOf(document), async () => alone(document))
    return { data: await reread(context, document.id), superseded }
  },
})

const restore = defineCommand({
  name: 'document.restore',
  summary: 'Brings a document back from the trash, to its folder or else to the root of its scope.',
  access: 'DOCEDIT',
  input: idInput,
  output: documentRow,
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.id, 'edit', true)
    const superseded = await bringBack(context, rootOf(document), async () => alone(document))
    return { data: await reread(context, document.id), superseded }
  },
})

/** Ends a document that is in the trash. */
export const purgeDocument = defineCommand({
  name: 'document.purge',
  summary: 'Deletes a document from the trash for good.',
  access: 'DOCEDIT',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.id, 'edit', true)
    if (document.deleted_at === null) throw new AppError('not_in_trash')
    await purge(context, alone(document))
    return { data: { id: document.id } }
  },
})

export const lifecycleCommands: readonly AnyCommand[] = [remove, restore, purgeDocument]
