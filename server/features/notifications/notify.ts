// Telling people: what the commands of a transaction announced becomes rows of those who may hear of it and want to, in
// few statements that nobody waits for (domain rules, section 11).
import { sql } from 'kysely'
import type { SignedIn } from '#server/kernel/actor.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { type Notice, noticeTypes, type Notify } from '#server/kernel/notices.ts'
import { lockCounters } from './lock-counters.ts'

/** What a row holds, in characters as Postgres counts them. */
const longestTitle = 255
const longestMessage = 1000
/** Unread news of these types about one task by one person become one row within so many minutes. */
const mergingTypes = ['task_updated', 'status_change']
const mergeMinutes = 10
/** Rows of one statement, about: what a person hears of one event is not torn apart. */
const rowsTogether = 1000
/** A person hears of one event of these types once: a comment or document may name him over and over. */
const onceTypes = ['mention']

const cut = (text: string, length: number): string =>
  Array.from(text.slice(0, 2 * length))
    .slice(0, length)
    .join('')

const actorsOf = (notice: Notice, actor: SignedIn) =>
  notice.by ?? (actor.userId === undefined ? [] : [{ id: actor.userId, display_name: actor.displayName }])

const rowOf = (notice: Notice, userId: string, actor: SignedIn) => {
  const by = actorsOf(notice, actor).at(-1)
  const event = notice.event ?? notice.entity?.id ?? null
  return {
    id: uuid7(),
    user_id: userId,
    type: notice.type,
    title: cut(notice.title, longestTitle),
    message: notice.message ? cut(notice.message, longestMessage) : null,
    entity_type: notice.entity?.type ?? null,
    entity_id: notice.entity?.id ?? null,
    application_id: notice.applicationId ?? null,
    project_id: notice.projectId ?? null,
    task_id: notice.taskId ?? null,
    actor_id: by?.id ?? null,
    actor_name: by?.display_name ?? null,
    outsider: notice.outsiders ?? false,
    event,
    dedupe_key: event !== null && onceTypes.includes(notice.type) ? `${notice.type}/${event}` : null,
    place: noticeTypes.indexOf(notice.type),
  }
}

/** A row for each person, event and type; none for those who did it. */
const rowsOf = (notices: readonly Notice[], actor: SignedIn) => {
  const rows = new Map<string, ReturnType<typeof rowOf>>()
  for (const notice of notices) {
    const actors = new Set(actorsOf(notice, actor).map(one => one.id))
    for (const userId of notice.to) {
      if (!userId || actors.has(userId)) continue
      const row = rowOf(notice, userId, actor)
      const key = `${userId}/${row.event}/${row.type}`
      if (!rows.has(key)) rows.set(key, row)
    }
  }
  return [...rows.values()]
}

/** Parts that a statement each can write within its time. */
const partsOf = (rows: ReturnType<typeof rowsOf>): ReturnType<typeof rowsOf>[] => {
  const parts: ReturnType<typeof rowsOf>[] = []
  for (const told of Map.groupBy(rows, row => `${row.user_id}/${row.event}`).values()) {
    const part = parts.at(-1)
    if (part && part.length < rowsTogether) part.push(...told)
    else parts.push(told)
  }
  return parts
}

// of several types of one event a person hears of the first that he wants to hear of
const insertion = (rows: ReturnType<typeof rowsOf>) => sql`
  with told as (
    select distinct on (w.user_id, w.event) w.* from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w(
             id uuid, user_id uuid, type text, title text, message text, entity_type text, entity_id uuid,
             application_id uuid, project_id uuid, task_id uuid, actor_id uuid, actor_name text, outsider boolean,
             event text, dedupe_key text, place int)
     where (w.outsider or exists (
             select 1 from application_members m where m.application_id = w.application_id and m.user_id = w.user_id))
       and not exists (
             select 1 from notification_preferences p where p.user_id = w.user_id and p.type = w.type and not p.in_app)
     order by w.user_id, w.event, w.place),
  merged as (
    update notifications n
       set count = n.count + 1, title = t.title, message = t.message, actor_name = t.actor_name, created_at = now()
      from told t
     where t.type = any(${mergingTypes}::text[]) and n.type = t.type
       and n.user_id = t.user_id and n.task_id = t.task_id and n.actor_id = t.actor_id
       and n.read_at is null and n.created_at > now() - ${mergeMinutes} * interval '1 minute'
    returning t.id)
  insert into notifications (id, user_id, type, title, message, entity_type, entity_id, application_id, project_id,
                             task_id, actor_id, actor_name, dedupe_key)
  select id, user_id, type, title, message, entity_type, entity_id, application_id, project_id, task_id, actor_id,
         actor_name, dedupe_key
    from told where id not in (select id from merged)
  on conflict (user_id, dedupe_key) do nothing`

/** The kernel's port. An import tells nobody of the rows that it brings. */
export const notify: Notify = (transaction, announcements) => {
  const told = announcements
    .filter(({ actor }) => actor.kind !== 'import')
    .map(({ notices, actor }) => rowsOf(notices, actor))
    .filter(rows => rows.length > 0)
  if (told.length === 0) return
  lockCounters(
    transaction,
    told.flat().map(row => row.user_id),
  )
  for (const rows of told.flatMap(partsOf)) {
    transaction.later({ compile: () => insertion(rows).compile(transaction.tx) })
  }
}
