// lock.* (domain rules, sections 4 and 8.5). A lock is optional; rows past their time count as absent. Everything runs
// under the document's row lock.
import { sql } from 'kysely'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type LockedDocument, openDocument, recordOf } from '../documents/open.ts'
import { shapeIn } from '../documents/place.ts'
import { lockColumns, lockInput, lockOutput } from './schema.ts'

export interface LockSettings {
  /** Seconds that a lock lasts without a heartbeat. */
  readonly documentLockTtl: number
}

const readLock = (context: WriteContext, documentId: string) =>
  context.tx.selectFrom('document_locks').select(lockColumns).where('document_id', '=', documentId).executeTakeFirst()

type Lock = NonNullable<Awaited<ReturnType<typeof readLock>>>

const isLive = (context: WriteContext, lock: Lock | undefined): lock is Lock =>
  lock !== undefined && lock.expires_at > context.now

const answer = (lock: Lock) => ({
  document_id: lock.document_id,
  is_locked: true,
  holder: {
    user_id: lock.holder_id,
    name: lock.holder_name,
    acquired_at: lock.acquired_at,
    expires_at: lock.expires_at,
  },
})

const announce = (context: WriteContext, document: LockedDocument, takenFrom?: string): void => {
  context.touch(shapeIn(document, 'document_locks'))
  context.emit({ type: 'document.lock', documentId: document.id, ...(takenFrom === undefined ? {} : { takenFrom }) })
}

/** The lock is the caller's from now on; `takenFrom` held it until now. */
const give = async (
  context: WriteContext,
  document: LockedDocument,
  seconds: number,
  takenFrom?: string,
): Promise<Lock> => {
  const row = {
    holder_id: context.userId,
    holder_name: context.actor.displayName,
    acquired_at: context.now,
    expires_at: new Date(context.now.getTime() + seconds * 1000),
  }
  const lock = await context.tx
    .insertInto('document_locks')
    .values({
      document_id: document.id,
      application_id: document.application_id,
      user_id: document.user_id,
      ...row,
    })
    .onConflict(conflict =>
      conflict.column('document_id').doUpdateSet({ ...row, version: sql`document_locks.version + 1` }),
    )
    .returning(lockColumns)
    .executeTakeFirstOrThrow()
  announce(context, document, takenFrom)
  return lock
}

/** The caller's lock lasts anew. */
const extend = async (context: WriteContext, document: LockedDocument, seconds: number): Promise<Lock> => {
  const lock = await context.tx
    .updateTable('document_locks')
    .set({ expires_at: new Date(context.now.getTime() + seconds * 1000), version: sql`version + 1` })
    .where('document_id', '=', document.id)
    .returning(lockColumns)
    .executeTakeFirstOrThrow()
  context.touch(shapeIn(document, 'document_locks'))
  return lock
}

const open = async (context: WriteContext, id: string, action: 'edit' | 'takeOver' | 'read') => {
  const document = await openDocument(context, id, action)
  const lock = await readLock(context, document.id)
  return { document, lock: isLive(context, lock) ? lock : undefined }
}

const acquire = ({ documentLockTtl }: LockSettings) =>
  defineCommand({
    name: 'lock.acquire',
    summary: 'Takes the lock of a document, or renews one’s own.',
    access: 'DOCEDIT',
    input: lockInput,
    output: lockOutput,
    inTransactions: true,
    run: async (context, input) => {
      const { document, lock } = await open(context, input.document_id, 'edit')
      if (document.deleted_at) throw new AppError('not_found')
      if (lock && lock.holder_id !== context.userId) {
        throw new AppError('lock_held', { details: { holder: answer(lock).holder } })
      }
      if (lock) return { data: answer(await extend(context, document, documentLockTtl)) }
      const given = await give(context, document, documentLockTtl)
      context.record(recordOf(document))
      return { data: answer(given) }
    },
  })

const heartbeat = ({ documentLockTtl }: LockSettings) =>
  defineCommand({
    name: 'lock.heartbeat',
    summary: 'Keeps one’s lock alive.',
    access: 'DOCEDIT',
    input: lockInput,
    output: lockOutput,
    inTransactions: true,
    run: async (context, input) => {
      const { document, lock } = await open(context, input.document_id, 'edit')
      if (lock?.holder_id !== context.userId) throw new AppError('lock_not_held')
      return { data: answer(await extend(context, document, documentLockTtl)) }
    },
  })

const release = defineCommand({
  name: 'lock.release',
  summary: 'Gives one’s lock back; a free lock stays free.',
  access: 'DOCEDIT',
  input: lockInput,
  output: lockOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { document, lock } = await open(context, input.document_id, 'edit')
    const free = { document_id: document.id, is_locked: false, holder: null }
    if (!lock) return { data: free }
    if (lock.holder_id !== context.userId) throw new AppError('lock_not_held')
    await context.tx.deleteFrom('document_locks').where('document_id', '=', document.id).execute()
    announce(context, document)
    context.record(recordOf(document))
    return { data: free }
  },
})

const forceTake = ({ documentLockTtl }: LockSettings) =>
  defineCommand({
    name: 'lock.force_take',
    summary: 'Takes the lock over from whoever holds it.',
    access: 'OWNER',
    input: lockInput,
    output: lockOutput,
    inTransactions: true,
    run: async (context, input) => {
      const { document, lock } = await open(context, input.document_id, 'takeOver')
      if (document.deleted_at) throw new AppError('not_found')
      if (lock?.holder_id === context.userId) return { data: answer(await extend(context, document, documentLockTtl)) }
      const given = await give(context, document, documentLockTtl, lock?.holder_id)
      context.record({
        ...recordOf(document),
        changes: { holder: { old: lock?.holder_name ?? null, new: given.holder_name } },
      })
      return { data: answer(given) }
    },
  })

/** lock.* with how long a lock lasts. */
export const lockCommands = (settings: LockSettings): readonly AnyCommand[] => [
  acquire(settings),
  heartbeat(settings),
  release,
  forceTake(settings),
]
