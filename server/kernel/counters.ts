// Recounting: every counter that triggers keep, against what it counts (domain rules, section 6.10).
import { sql } from 'kysely'
import type { Database } from './database.ts'

export interface Difference {
  readonly table: string
  readonly id: string
  readonly counter: string
  readonly stored: number
  readonly counted: number
}

export interface CounterReport {
  readonly checked: number
  readonly differing: readonly Difference[]
  readonly repaired: number
}

interface Recount {
  readonly table: string
  readonly key: string
  /** counter → SQL that counts it for row `r`. */
  readonly counters: Readonly<Record<string, string>>
}

const visible = `t.deleted_at is null and t.archived_at is null`
const ofProject = (condition: string, category?: string) =>
  `select count(*)::int from tasks t join task_statuses s on s.id = t.status_id
    where t.project_id = r.project_id and ${condition}${category === undefined ? '' : ` and s.category = '${category}'`}`
const archived = `t.deleted_at is null and t.archived_at is not null`

const recounts: readonly Recount[] = [
  {
    table: 'applications',
    key: 'id',
    counters: {
      members_count: `select count(*)::int from application_members m where m.application_id = r.id`,
      projects_count: `select count(*)::int from projects p where p.application_id = r.id and p.archived_at is null`,
    },
  },
  {
    table: 'project_aggregates',
    key: 'project_id',
    counters: {
      total_tasks: ofProject(visible),
      todo_tasks: ofProject(visible, 'todo'),
      active_tasks: ofProject(visible, 'active'),
      review_tasks: ofProject(visible, 'review'),
      issue_tasks: ofProject(visible, 'issue'),
      done_tasks: ofProject(visible, 'done'),
      archived_tasks: ofProject(archived),
      archived_done_tasks: ofProject(archived, 'done'),
    },
  },
  {
    table: 'tasks',
    key: 'id',
    counters: {
      checklist_total: `select count(*)::int from checklist_items i where i.task_id = r.id`,
      checklist_done: `select count(*)::int from checklist_items i where i.task_id = r.id and i.is_done`,
      comment_count: `select count(*)::int from comments c where c.task_id = r.id and c.deleted_at is null`,
      subtask_total: `select count(*)::int from tasks t where t.parent_id = r.id and t.deleted_at is null`,
      subtask_done: `select count(*)::int from tasks t join task_statuses s on s.id = t.status_id
        where t.parent_id = r.id and t.deleted_at is null and s.category = 'done'`,
      depth: `select coalesce((select p.depth + 1 from tasks p where p.id = r.parent_id), 0)`,
    },
  },
  {
    table: 'checklists',
    key: 'id',
    counters: {
      total_items: `select count(*)::int from checklist_items i where i.checklist_id = r.id`,
      completed_items: `select count(*)::int from checklist_items i where i.checklist_id = r.id and i.is_done`,
    },
  },
  {
    table: 'document_folders',
    key: 'id',
    counters: {
      depth: `select coalesce((select p.depth + 1 from document_folders p where p.id = r.parent_id), 0)`,
    },
  },
  {
    table: 'user_counters',
    key: 'user_id',
    counters: {
      unread_notifications: `select count(*)::int from notifications n where n.user_id = r.user_id and n.read_at is null`,
      pending_invitations: `select count(*)::int from invitations i where i.user_id = r.user_id and i.state = 'pending'`,
    },
  },
]

const recountOf = ({ table, key, counters }: Recount) =>
  `select r.${key} as id, ${Object.entries(counters)
    .map(([name, count]) => `r.${name} as stored_${name}, (${count}) as counted_${name}`)
    .join(', ')} from ${table} r`

/**
 * Compares every counter with a recount, in one transaction and under locks that keep writers out while it repairs.
 * `repair` writes the counted values.
 */
export const verifyCounters = (database: Database, repair: boolean): Promise<CounterReport> =>
  database.write(async trx => {
    // a recount of a large board takes longer than any request may
    await sql`select set_config('statement_timeout', '0', true)`.execute(trx)
    await sql
      .raw(
        `lock table ${recounts.map(one => one.table).join(', ')} in ${repair ? 'share row exclusive' : 'share'} mode`,
      )
      .execute(trx)
    const differing: Difference[] = []
    let checked = 0
    let repaired = 0
    for (const recount of recounts) {
      const { rows } = await sql.raw<Record<string, unknown>>(recountOf(recount)).execute(trx)
      for (const row of rows) {
        const wrong: Record<string, number> = {}
        for (const counter of Object.keys(recount.counters)) {
          checked += 1
          const stored = row[`stored_${counter}`] as number
          const counted = row[`counted_${counter}`] as number
          if (stored === counted) continue
          wrong[counter] = counted
          differing.push({ table: recount.table, id: row.id as string, counter, stored, counted })
        }
        if (!repair || Object.keys(wrong).length === 0) continue
        const set = Object.entries(wrong).map(([name, value]) => `${name} = ${value}`)
        await sql
          .raw(`update ${recount.table} set ${set.join(', ')} where ${recount.key} = '${row.id as string}'`)
          .execute(trx)
        repaired += 1
      }
    }
    return { checked, differing, repaired }
  })
