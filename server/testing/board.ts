// People in every role around one board: what most tests of the board's rules begin with.
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import type { Answer, Client } from './client.ts'
import type { TestServer } from './server.ts'

export type Person = Awaited<ReturnType<TestServer['signUp']>>
export type Category = 'todo' | 'active' | 'review' | 'issue' | 'done'

/** The roles of the domain rules, section 3; `editor` has no row in the project, `stranger` none anywhere. */
export interface People {
  readonly owner: Person
  readonly admin: Person
  readonly member: Person
  readonly editor: Person
  readonly viewer: Person
  readonly stranger: Person
}

export interface Board {
  readonly applicationId: string
  readonly projectId: string
  /** The five columns of a new project. */
  readonly statuses: Readonly<Record<Category, string>>
}

/** A row as the API answers it. */
export type Row = Record<string, unknown> & {
  readonly id: string
  readonly version: number
  readonly rank: string
  readonly status_id: string
  readonly title: string
}

export interface Written {
  readonly data: Row
  readonly txid: number | null
  readonly shapes?: readonly string[]
  readonly warnings?: readonly string[]
  readonly superseded?: readonly { field: string; your_value: unknown; value: unknown; by_id: string | null }[]
}

/** The body of a write that must have succeeded. */
export const written = (answer: Answer): Written => {
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`)
  return answer.body as Written
}

/** `data` of a read that must have succeeded. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a test states what it expects to read
export const dataOf = <T = Row[]>(answer: Answer): T => {
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`)
  return (answer.body as { data: T }).data
}

/** Signs six people up. */
export const signUpPeople = async (server: TestServer, prefix = ''): Promise<People> => ({
  owner: await server.signUp(`${prefix}owner`),
  admin: await server.signUp(`${prefix}admin`),
  member: await server.signUp(`${prefix}member`),
  editor: await server.signUp(`${prefix}editor`),
  viewer: await server.signUp(`${prefix}viewer`),
  stranger: await server.signUp(`${prefix}stranger`),
})

export interface Mutation {
  readonly name: string
  readonly args: Record<string, unknown>
}

export interface TransactionResult {
  readonly id: string
  readonly status: 'applied' | 'rejected' | 'failed' | 'not_run'
  readonly txid?: number | null
  readonly replayed?: boolean
  readonly mutation_index?: number
  readonly error?: { readonly code: string; readonly details?: { readonly issues?: { path: string; code: string }[] } }
  readonly results?: readonly {
    readonly data: Row
    readonly superseded?: Written['superseded']
    readonly warnings?: readonly string[]
  }[]
}

/** One transaction, as a client's queue sends it. */
export const transact = async (
  client: Client,
  mutations: readonly Mutation[],
  options: { readonly id?: string; readonly editedAt?: Date } = {},
): Promise<TransactionResult> => {
  const answer = await client.post('/api/transactions', {
    transactions: [
      {
        id: options.id ?? uuid7(),
        ...(options.editedAt ? { edited_at: options.editedAt.toISOString() } : {}),
        mutations,
      },
    ],
  })
  return must(dataOf<{ results: TransactionResult[] }>(answer).results[0])
}

/** The same, which must be applied. */
export const apply = async (...args: Parameters<typeof transact>): Promise<TransactionResult> => {
  const result = await transact(...args)
  if (result.status !== 'applied') throw new Error(JSON.stringify(result))
  return result
}

/** Puts a person into an application without the detour over an invitation. */
export const enrol = (server: TestServer, applicationId: string, userId: string, role: string): Promise<unknown> =>
  server.database.pool.query(
    `insert into application_members (id, application_id, user_id, role, display_name) values ($1, $2, $3, $4, '')`,
    [uuid7(), applicationId, userId, role],
  )

/** A new application with everybody in it and one project. */
export const makeBoard = async (
  server: TestServer,
  people: People,
  project: Record<string, unknown> = {},
): Promise<Board> => {
  const applicationId = uuid7()
  const projectId = uuid7()
  await apply(people.owner, [{ name: 'application.create', args: { id: applicationId, name: 'Harbour' } }])
  for (const [name, role] of [
    ['admin', 'editor'],
    ['member', 'editor'],
    ['editor', 'editor'],
    ['viewer', 'viewer'],
  ] as const) {
    await enrol(server, applicationId, people[name].userId, role)
  }
  const made = await apply(people.owner, [
    {
      name: 'project.create',
      args: { id: projectId, application_id: applicationId, key: 'SKR', name: 'Quay', ...project },
    },
    { name: 'project_member.add', args: { project_id: projectId, user_id: people.admin.userId, role: 'admin' } },
    { name: 'project_member.add', args: { project_id: projectId, user_id: people.member.userId, role: 'member' } },
  ])
  const list = made.results?.[0]?.data.statuses as { id: string; category: Category }[]
  const of = (category: Category) => must(list.find(status => status.category === category)).id
  return {
    applicationId,
    projectId,
    statuses: { todo: of('todo'), active: of('active'), review: of('review'), issue: of('issue'), done: of('done') },
  }
}

/** Creates a task; the answer's row. */
export const makeTask = async (client: Client, projectId: string, args: Record<string, unknown> = {}): Promise<Row> =>
  written(await client.post(`/api/projects/${projectId}/tasks`, { title: 'Card', ...args })).data

/** A task as its members read it. */
export const readTask = async (client: Client, id: string): Promise<Row> =>
  dataOf<Row>(await client.get(`/api/tasks/${id}`))

/** Ids of a column's visible cards in order. */
export const column = async (client: Client, projectId: string, statusId: string): Promise<string[]> =>
  dataOf(await client.get(`/api/projects/${projectId}/tasks?status_id=${statusId}&limit=200`)).map(row => row.id)

/** Activity of a task, newest first. */
export interface Activity {
  readonly action: string
  readonly actor_id: string
  readonly changes: Record<string, { old: unknown; new: unknown }>
  readonly superseded: Record<string, { value: unknown; winner: unknown; winner_edited_at: string }>
  readonly edited_at: string
  readonly via: string
  readonly entity_id: string
  readonly entity_type: string
}

export const activityOf = async (client: Client, taskId: string): Promise<Activity[]> =>
  dataOf<Activity[]>(await client.get(`/api/tasks/${taskId}/activity?limit=200&full=true`))
