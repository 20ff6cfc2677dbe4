// The data set of the sync benches: `tasks`, 15 columns, 500 projects of 200 rows.
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'

export const rowCount = 100_000
export const projects = 500

const words = 'board card column offline replica shape offset handle commit stream merge rank label issue review'.split(
  ' ',
)

const uuid = (n: number, kind: number): string =>
  `${kind.toString(16).padStart(8, '0')}-0000-7000-8000-${n.toString(16).padStart(12, '0')}`

const row = (n: number): string => {
  const text = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => words[(from * 7 + i * 3) % words.length]).join(' ')
  const day = String((n % 27) + 1).padStart(2, '0')
  return [
    uuid(n, 1),
    uuid(n % projects, 2),
    `BCH-${n}`,
    text(n, 7),
    text(n + 5, 14),
    ['todo', 'active', 'review', 'done'][n % 4],
    ['low', 'medium', 'high'][n % 3],
    `a${n.toString(36).padStart(5, '0')}`,
    uuid(n % 50, 3),
    String(n % 13),
    `2026-11-${day}`,
    n % 5 === 0 ? 't' : 'f',
    `{${words[n % words.length]},${words[(n + 4) % words.length]}}`,
    `2026-10-${day} 09:15:00+00`,
    `2026-11-${day} 10:30:00+00`,
  ].join('\t')
}

/** Makes and fills the table `tasks` in a fresh database; answers the database's URL. */
export const createDataset = async (serverUrl: string, name: string): Promise<string> => {
  const url = serverUrl.replace(/\/skerry$/, `/${name}`)
  const admin = new pg.Client({ connectionString: serverUrl })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`create table tasks (
    id uuid primary key, project_id uuid not null, key text not null, title text not null, description text,
    status text not null, priority text not null, rank text not null, assignee_id uuid, points int4, due_date date,
    archived bool not null, labels text[] not null, created_at timestamptz not null, updated_at timestamptz not null)`)
  const lines = function* () {
    for (let n = 0; n < rowCount; n += 1) yield `${row(n)}\n`
  }
  await pipeline(Readable.from(lines()), client.query(copyFrom('copy tasks from stdin')))
  await client.query('create index on tasks (project_id)')
  await client.query('vacuum analyze tasks')
  await client.end()
  return url
}

export const boardId = (n: number): string => uuid(n, 2)
export const taskId = (n: number): string => uuid(n, 1)
