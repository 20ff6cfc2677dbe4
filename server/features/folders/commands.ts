// folder.* (domain rules, sections 4, 7 and 8.1). The place is locked throughout: names, depth and cycles are checked on
// what is there.
import { sql } from 'kysely'
import { recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, type CommandResult, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import { mergePlace, type PlaceEdits } from '../documents/merge-place.ts'
import { recordIn } from '../documents/open.ts'
import {
  freeName,
  inPlace,
  lockPlace,
  openPlace,
  type Place,
  placeOf,
  rankIn,
  requireFolder,
  shapeIn,
} from '../documents/place.ts'
import { placePolicy } from '../documents/policy.ts'
import { bringBack, lotBelow, purge, putAway } from '../documents/trash.ts'
import { createInput, folderColumns, idInput, moveInput, updateInput, folderRow } from './schema.ts'

const folderLimit = 2000
const deepest = 5

const readFolder = (context: WriteContext, id: string) =>
  context.tx.selectFrom('document_folders').select(folderColumns).where('id', '=', id)

type Folder = NonNullable<Awaited<ReturnType<ReturnType<typeof readFolder>['executeTakeFirst']>>>

/** 404, 403, 409 `application_archived`; otherwise the folder and its place, both locked. */
const open = async (context: WriteContext, id: string): Promise<Folder> => {
  const found = await readFolder(context, id).executeTakeFirst()
  requireLive(await decide(placePolicy, 'edit', found, context.actor, context.access))
  await lockPlace(context, must(found))
  const folder = await readFolder(context, id).forNoKeyUpdate().executeTakeFirst()
  if (!folder) throw notFound()
  return folder
}

const recordOf = (folder: Folder) => ({
  ...recordIn(folder),
  entityType: 'folder',
  entityId: folder.id,
  entityLabel: folder.name,
})

const requireRoom = async (context: WriteContext, place: Place): Promise<void> => {
  const owner = place.user_id === null ? 'application_id' : 'user_id'
  // the projects of an application count together, and each has a place of its own
  await sql`select pg_advisory_xact_lock(hashtextextended(${`folders/${must(place[owner])}`}, 0))`.execute(context.tx)
  const { count } = await context.tx
    .selectFrom('document_folders')
    .select(sql<number>`count(*)::int`.as('count'))
    .where(owner, '=', must(place[owner]))
    .executeTakeFirstOrThrow()
  if (count >= folderLimit)
    throw new AppError('limit_reached', { message: `There are at most ${folderLimit} folders.` })
}

const create = defineCommand({
  name: 'folder.create',
  summary: 'Makes a folder.',
  access: 'DOCEDIT',
  input: createInput,
  output: folderRow,
  inTransactions: true,
  run: async (context, input) => {
    const place = await openPlace(context, input)
    await requireFreeId(context, 'document_folders', input.id)
    await requireRoom(context, place)
    const parentId = input.parent_id ?? null
    await requireFolder(context, place, parentId, 'parent_id')
    const name = await freeName(context, place, { folderId: parentId, name: input.name }, input.on_name_conflict)
    const list = { table: 'document_folders', place, folderId: parentId } as const
    const folder = await context.tx
      .insertInto('document_folders')
      .values({
        id: input.id ?? uuid7(),
        ...place,
        parent_id: parentId,
        // path and depth are the database's
        path: '',
        name,
        rank: must(await rankIn(context, list, { moved: true })),
        created_by_id: context.userId,
      })
      .returning(folderColumns)
      .executeTakeFirstOrThrow()
    startClock(context, 'folder', folder.id)
    context.touch(shapeIn(folder, 'folders'))
    context.record(recordOf(folder))
    return { data: folder }
  },
})

/** No cycle, and the deepest folder below it still fits. */
const requireFit = async (context: WriteContext, folder: Folder, parentId: string | null): Promise<void> => {
  const parent =
    parentId === null
      ? undefined
      : await context.tx
          .selectFrom('document_folders')
          .select(['path', 'depth'])
          .where('id', '=', parentId)
          .executeTakeFirst()
  if (parent?.path.startsWith(folder.path)) {
    throw invalidAt('parent_id', 'parent_cycle', 'A folder cannot lie below itself.')
  }
  const { depth } = await context.tx
    .selectFrom('document_folders')
    .select(sql<number>`max(depth)`.as('depth'))
    .where(sql<boolean>`path like ${`${folder.path}%`}`)
    .where(inPlace(placeOf(folder)))
    .executeTakeFirstOrThrow()
  const shift = (parent ? parent.depth + 1 : 0) - folder.depth
  if (depth + shift > deepest) {
    throw invalidAt('parent_id', 'depth_exceeded', `Folders lie at most ${deepest} levels below the topmost.`)
  }
}

const change = async (context: WriteContext, folder: Folder, edits: PlaceEdits): Promise<CommandResult> => {
  const { set, changed, superseded } = await mergePlace(
    context,
    {
      entityType: 'folder',
      table: 'document_folders',
      row: folder,
      name: { field: 'name', value: folder.name },
      parent: { field: 'parent_id', value: folder.parent_id },
    },
    edits,
    parentId => requireFit(context, folder, parentId),
  )
  let row = folder
  if (changed.length > 0) {
    row = await context.tx
      .updateTable('document_folders')
      .set(set)
      .where('id', '=', folder.id)
      .returning(folderColumns)
      .executeTakeFirstOrThrow()
    context.touch(shapeIn(folder, 'folders'))
  }
  recordMerge(context, recordOf(row), { changed, superseded })
  return { data: row, superseded }
}

const update = defineCommand({
  name: 'folder.update',
  summary: 'Renames a folder.',
  access: 'DOCEDIT',
  input: updateInput,
  output: folderRow,
  inTransactions: true,
  run: async (context, input) => {
    if (input.name === undefined) throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    return change(context, await open(context, input.id), { name: input.name })
  },
})

const move = defineCommand({
  name: 'folder.move',
  summary: 'Moves a folder with everything in it.',
  access: 'DOCEDIT',
  input: moveInput,
  output: folderRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, ['parent_id', 'after_id', 'before_id', 'rank'])) {
      throw invalidAt('', 'nothing_to_change', 'Name a parent, an anchor or a rank.')
    }
    const { parent_id: parentId, after_id, before_id, rank } = input
    return change(context, await open(context, input.id), { parentId, anchors: { after_id, before_id, rank } })
  },
})

const rootOf = (folder: Folder) => ({ entityType: 'folder', row: folder, label: recordOf(folder) }) as const

const reread = (context: WriteContext, id: string) => readFolder(context, id).executeTakeFirstOrThrow()

const remove = defineCommand({
  name: 'folder.delete',
  summary: 'Moves a folder with everything in it to the trash for 30 days.',
  access: 'DOCEDIT',
  input: idInput,
  output: folderRow,
  inTransactions: true,
  run: async (context, input) => {
    const folder = await open(context, input.id)
    if (folder.deleted_at) return { data: folder }
    const superseded = await putAway(context, rootOf(folder), () => lotBelow(context, folder, { live: true }))
    return { data: await reread(context, folder.id), superseded }
  },
})

const restore = defineCommand({
  name: 'folder.restore',
  summary: 'Brings a folder back from the trash, with what went there together with it.',
  access: 'DOCEDIT',
  input: idInput,
  output: folderRow,
  inTransactions: true,
  run: async (context, input) => {
    const folder = await open(context, input.id)
    const superseded = await bringBack(context, rootOf(folder), () =>
      lotBelow(context, folder, { trashRoot: must(folder.trash_root_id) }),
    )
    return { data: await reread(context, folder.id), superseded }
  },
})

/** Ends a folder that is in the trash. */
export const purgeFolder = defineCommand({
  name: 'folder.purge',
  summary: 'Deletes a folder from the trash for good, with what went there together with it.',
  access: 'DOCEDIT',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const folder = await open(context, input.id)
    if (folder.trash_root_id === null) throw new AppError('not_in_trash')
    await purge(context, await lotBelow(context, folder, { trashRoot: folder.trash_root_id }))
    return { data: { id: folder.id } }
  },
})

export const folderCommands: readonly AnyCommand[] = [create, update, move, remove, restore, purgeFolder]
