// The traces of transactions in Postgres: one row with the answer, and in the activity log each change once.
import { sql } from 'kysely'
import type { Database } from '#server/kernel/database.ts'
import type { Ledger } from '../testing/ledger.ts'

interface Activity {
  readonly action: string
  readonly entity_id: string
  readonly transaction_id: string
  readonly changes: Readonly<Record<string, { readonly new: unknown }>>
  readonly superseded: Readonly<Record<string, { readonly value: unknown }>>
}

export interface Effects {
  /** Number of rows of every table, and the sum of their versions. */
  readonly rows: Readonly<Record<string, unknown>>
  /** Transaction id → who sent it. */
  readonly authorOf: ReadonlyMap<string, string>
  /** What does not fit what went over the wire. */
  problems(ledger: Ledger): string[]
}

const tables = [
  'applications',
  'projects',
  'project_members',
  'task_statuses',
  'tasks',
  'checklists',
  'checklist_items',
  'comments',
]

/** Texts that a mutation writes; each is written nowhere else. */
const textFields = ['title', 'description', 'content', 'name'] as const

/** Reads them all. */
export const effectsOf = async (database: Database): Promise<Effects> => {
  const query = <Row>(text: string) => database.read(reader => sql.raw<Row>(text).execute(reader))
  const counted = tables.map(name => `(select json_build_array(count(*), sum(version)) from ${name}) as ${name}`)
  const rows = await query<Record<string, unknown>>(
    `select ${counted.join(', ')}, (select count(*) from activities) as activities,
       (select count(*) from applied_transactions) as transactions, (select count(*) from field_clocks) as clocks`,
  )
  const stored = await query<{ id: string; user_id: string; result: string }>(
    'select id, user_id, result from applied_transactions',
  )
  const activities = await query<Activity>(
    `select action, entity_id, transaction_id, changes, superseded from activities where via = 'transaction'`,
  )
  const entities = await query<{ id: string }>(tables.map(name => `select id from ${name}`).join(' union all '))
  const texts = new Map(stored.rows.map(row => [row.id, row.result]))
  return {
    rows: rows.rows[0] ?? {},
    authorOf: new Map(stored.rows.map(row => [row.id, row.user_id])),
    problems: ledger => {
      const problems: string[] = []
      for (const [id, text] of ledger.answers) {
        if (texts.get(id) !== text) problems.push(`${id}: answered ${text}, stored ${String(texts.get(id))}`)
      }
      const alive = new Set(entities.rows.map(row => row.id))
      const byTransaction = Map.groupBy(activities.rows, row => row.transaction_id)
      for (const id of byTransaction.keys()) {
        if (ledger.sent.has(id) && ledger.answer(id)?.status !== 'applied') problems.push(`${id}: refused, yet logged`)
      }
      for (const id of ledger.sent.keys()) {
        const logged = byTransaction.get(id) ?? []
        const applied = ledger.answer(id)?.status === 'applied'
        for (const { name, args } of ledger.transaction(id).mutations) {
          const about = logged.filter(row => row.entity_id === args.id)
          const isCreate = name.endsWith('.create')
          const found = isCreate
            ? about.filter(row => row.action === name).length
            : textFields
                .filter(field => args[field] !== undefined)
                .flatMap(field =>
                  about.filter(row => [row.changes[field]?.new, row.superseded[field]?.value].includes(args[field])),
                ).length
          const writesText = isCreate || textFields.some(field => typeof args[field] === 'string')
          if (!writesText) continue
          // the log of what was purged goes with it; the log of what was deleted stays
          const most = applied ? 1 : 0
          const least = applied && alive.has(args.id as string) ? 1 : 0
          if (found < least || found > most) {
            problems.push(`${id} ${name} ${String(args.id)}: ${found} traces, ${least} to ${most} expected`)
          }
        }
      }
      return problems
    },
  }
}
