// How the forbidden matrix calls every route: arguments that succeed for whoever may, and who may where `access` alone
// does not say it. A route without an entry fails the matrix: whoever adds one has to give the answer.
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import type { Access } from '#server/kernel/route.ts'
import { apply, makeBoard, type People, written } from './board.ts'
import { type Case, type Fixture, members, plain, type Role, roles, type Signed, signed } from './forbidden-case.ts'
import { libraryCases, makeLibrary } from './forbidden-library.ts'
import { toldTo } from './notices.ts'
import { type TestServer, testPassword } from './server.ts'

/** Who may by the access codes of the domain rules, section 1.2; SELF and AUTHOR depend on the row. */
const byAccess: Readonly<Partial<Record<Access, readonly Role[]>>> = {
  PUBLIC: roles,
  USER: signed,
  MEMBER: members,
  EDITOR: ['editor', 'member', 'admin', 'owner'],
  CONTRIB: ['member', 'admin', 'owner'],
  PADMIN: ['admin', 'owner'],
  OWNER: ['owner'],
  // of an application's documents; those of a project and of a person name their own
  DOCVIEW: members,
  DOCEDIT: ['editor', 'member', 'admin', 'owner'],
  ADMIN: [],
}

/** Makes a fixture of its own for a call that may change it. */
export const makeFixture = async (server: TestServer, people: People): Promise<Fixture> => {
  const board = await makeBoard(server, people)
  const [task, archived, trashed, list, item] = [uuid7(), uuid7(), uuid7(), uuid7(), uuid7()]
  const create = (id: string) => ({ name: 'task.create', args: { id, project_id: board.projectId, title: 'Card' } })
  const made = await apply(people.owner, [
    ...[task, archived, trashed].map(create),
    { name: 'task.archive', args: { id: archived } },
    { name: 'task.delete', args: { id: trashed } },
    { name: 'checklist.create', args: { id: list, task_id: task, title: 'List' } },
    { name: 'checklist_item.create', args: { id: item, checklist_id: list, content: 'Item' } },
    {
      name: 'invitation.create',
      args: { application_id: board.applicationId, email: 'guest@elsewhere.example', role: 'viewer' },
    },
    {
      name: 'invitation.create',
      args: { application_id: board.applicationId, user_id: people.stranger.userId, role: 'viewer' },
    },
  ])
  const [byAddress, byAccount] = must(made.results).slice(-2)
  const guest = { email: 'other@elsewhere.example', role: 'viewer' }
  const [editors, ...comments] = await Promise.all([
    people.editor.post(`/api/applications/${board.applicationId}/invitations`, guest),
    ...members.map(name => people[name].post(`/api/tasks/${task}/comments`, { body_markdown: `From ${name}` })),
  ])
  server.clock.advance(61_000)
  return {
    ...board,
    task,
    archived,
    trashed,
    list,
    item,
    comments: {
      ...(Object.fromEntries(members.map((name, index) => [name, written(must(comments[index])).data.id])) as Record<
        Signed,
        string
      >),
      stranger: '',
    },
    invitation: must(byAddress).data.id,
    token: must(String(must(byAddress).data.link).split('/').at(-1)),
    invited: must(byAccount).data.id,
    told: must((await toldTo(people.stranger))[0]).id,
    editors: written(editors).data.id,
    library: await makeLibrary(people, board),
  }
}

/** Who may call `access` in this case. */
export const allowedFor = (access: Access, { allowed }: Case): readonly Role[] =>
  must(allowed ?? byAccess[access], `who may (${access} does not say it)`)

const application = (f: Fixture) => ({ id: f.applicationId })
const project = (f: Fixture) => ({ id: f.projectId })
const task = (f: Fixture) => ({ id: f.task })
const comment = (allowed: readonly Role[], whose: (role: Role) => Signed, body?: unknown): Case => ({
  call: ({ f, role }) => ({ params: { id: f.comments[whose(role)] || f.comments.owner }, body }),
  allowed,
})
const mine: Case = { ...plain(), allowed: signed }
const own = (role: Role): Signed => (role === 'anonymous' ? 'owner' : role)
// somebody else: the viewer's, for the viewer the editor's
const foreign = (role: Role): Signed => (role === 'viewer' ? 'editor' : 'viewer')

/** `METHOD path` → how to call it. */
export const cases: Readonly<Record<string, readonly Case[]>> = {
  'GET /api/me': [plain()],
  'PATCH /api/me': [{ ...plain(undefined, { locale: 'de' }), allowed: signed }],
  'GET /api/users/search': [{ call: () => ({ query: 'q=owner' }) }],
  'GET /api/users/:id': [
    {
      name: 'a co-member',
      call: ({ people }) => ({ params: { id: people.owner.userId } }),
      allowed: members,
      hides: true,
    },
  ],
  'POST /auth/register': [
    { call: () => ({ body: { email: `${uuid7()}@example.com`, password: testPassword, display_name: 'x' } }) },
  ],
  'POST /auth/login': [{ call: () => ({ body: { email: 'owner@example.com', password: testPassword } }) }],
  'POST /auth/refresh': [{ ...plain(), ownPerson: true }],
  'POST /auth/logout': [{ ...plain(), ownPerson: true }],
  'POST /auth/change-password': [
    {
      ...plain(undefined, { current_password: testPassword, new_password: 'granite-and-tide-8' }),
      allowed: signed,
      ownPerson: true,
    },
  ],
  'GET /auth/sessions': [{ ...plain(), allowed: signed }],
  'DELETE /auth/sessions/:public_id': [
    {
      name: 'an own one',
      call: async ({ me }) => {
        const list = me ? ((await me.get('/auth/sessions')).body as { data: { id: string }[] }).data : []
        return { params: { public_id: list[0]?.id ?? uuid7() } }
      },
      allowed: signed,
      ownPerson: true,
    },
    { name: 'an unknown one', call: () => ({ params: { public_id: uuid7() } }), allowed: [], hides: true },
  ],
  'DELETE /auth/sessions': [{ ...plain(), allowed: signed, ownPerson: true }],
  'GET /auth/tokens': [plain()],
  'POST /auth/tokens': [{ ...plain(undefined, { name: 'Script', scopes: ['read'] }), allowed: signed }],
  'DELETE /auth/tokens/:id': [
    {
      name: 'an own one',
      call: async ({ me }) => {
        const made = me && (await me.post('/auth/tokens', { name: 'Old', scopes: ['read'] }))
        return { params: { id: made ? written(made).data.id : uuid7() } }
      },
      allowed: signed,
    },
    { name: 'an unknown one', call: () => ({ params: { id: uuid7() } }), allowed: [], hides: true },
  ],
  'POST /auth/collab-token': [plain()],

  'GET /api/applications': [plain()],
  'POST /api/applications': [plain(undefined, { name: 'New' })],
  'GET /api/applications/:id': [plain(application)],
  'GET /api/applications/:id/presence': [plain(application)],
  'PATCH /api/applications/:id': [
    plain(application, { name: 'Renamed' }),
    { name: 'who may invite', ...plain(application, { editors_may_add_editors: false }), allowed: ['owner'] },
  ],
  'DELETE /api/applications/:id': [plain(application)],
  'POST /api/applications/:id/archive': [plain(application)],
  'POST /api/applications/:id/unarchive': [plain(application)],
  'POST /api/applications/:id/transfer-ownership': [
    { call: ({ f, people }) => ({ params: application(f), body: { to_user_id: people.member.userId } }) },
  ],

  'GET /api/applications/:id/members': [plain(application)],
  'GET /api/applications/:id/members/count': [plain(application)],
  'GET /api/applications/:id/members/:user_id': [
    { call: ({ f, people }) => ({ params: { id: f.applicationId, user_id: people.owner.userId } }) },
  ],
  'POST /api/applications/:id/members/leave': [{ ...plain(application), proof: { owner: 'last_owner' } }],
  'PATCH /api/applications/:id/members/:user_id': [
    {
      name: 'viewer to editor',
      call: ({ f, people }) => ({
        params: { id: f.applicationId, user_id: people.viewer.userId },
        body: { role: 'editor' },
      }),
      // nobody changes his own role, which is said before who may change others'
      proof: { viewer: 'own_role' },
      allowed: members,
    },
    {
      name: 'editor to viewer',
      call: ({ f, people, role }) => ({
        params: { id: f.applicationId, user_id: people[role === 'editor' ? 'member' : 'editor'].userId },
        body: { role: 'viewer' },
      }),
      allowed: ['owner'],
    },
  ],
  'DELETE /api/applications/:id/members/:user_id': [
    {
      name: 'somebody else',
      call: ({ f, people, role }) => ({
        params: { id: f.applicationId, user_id: people[role === 'viewer' ? 'editor' : 'viewer'].userId },
      }),
    },
    {
      name: 'oneself',
      call: ({ f, people, role }) => ({ params: { id: f.applicationId, user_id: people[own(role)].userId } }),
      allowed: members,
      proof: { owner: 'last_owner' },
    },
  ],

  'GET /api/invitations': [plain()],
  'GET /api/invitations/sent': [plain()],
  'GET /api/invitations/count': [plain()],
  'GET /api/invitations/:id': [
    { name: 'invitee and owner', ...plain(f => ({ id: f.invited })), allowed: ['stranger', 'owner'], hides: true },
    { name: 'inviter and owner', ...plain(f => ({ id: f.editors })), allowed: ['editor', 'owner'], hides: true },
  ],
  'GET /api/applications/:id/invitations': [plain(application)],
  'POST /api/applications/:id/invitations': [
    { name: 'an editor', ...plain(application, { email: 'third@elsewhere.example', role: 'editor' }) },
    {
      name: 'an owner',
      ...plain(application, { email: 'third@elsewhere.example', role: 'owner' }),
      allowed: ['owner'],
    },
  ],
  'POST /api/applications/:id/invitations/batch': [
    plain(application, { invitations: [{ email: 'third@elsewhere.example', role: 'viewer' }] }),
  ],
  'POST /api/invitations/lookup': [{ call: ({ f }) => ({ body: { token: f.token } }) }],
  'POST /api/invitations/accept': [
    {
      call: ({ f }) => ({ body: { token: f.token } }),
      proof: Object.fromEntries(members.map(role => [role, 'already_member'])),
    },
  ],
  'POST /api/invitations/reject': [{ call: ({ f }) => ({ body: { token: f.token } }) }],
  'POST /api/invitations/:id/accept': [{ ...plain(f => ({ id: f.invited })), allowed: ['stranger'], hides: true }],
  'POST /api/invitations/:id/reject': [{ ...plain(f => ({ id: f.invited })), allowed: ['stranger'], hides: true }],
  'DELETE /api/invitations/:id': [
    { name: 'of the owner', ...plain(f => ({ id: f.invitation })), allowed: ['owner'] },
    { name: 'of the editor', ...plain(f => ({ id: f.editors })), allowed: ['editor', 'owner'] },
  ],
  'POST /api/invitations/:id/resend': [
    { name: 'of the owner', ...plain(f => ({ id: f.invitation })), allowed: ['owner'] },
    { name: 'of the editor', ...plain(f => ({ id: f.editors })), allowed: ['editor', 'owner'] },
  ],

  'GET /api/applications/:id/projects/my': [plain(application)],
  'GET /api/me/projects': [plain()],
  'GET /api/applications/:id/projects': [plain(application)],
  'GET /api/applications/:id/projects/archived': [plain(application)],
  'POST /api/applications/:id/projects': [plain(application, { name: 'New', key: 'NEW' })],
  'GET /api/projects/:id': [plain(project)],
  'PATCH /api/projects/:id': [plain(project, { name: 'Renamed' })],
  'DELETE /api/projects/:id': [plain(project)],
  'GET /api/projects/:id/full': [plain(project)],
  'POST /api/projects/:id/archive': [plain(project)],
  'POST /api/projects/:id/unarchive': [plain(project)],
  'PUT /api/projects/:id/override-status': [plain(project, { status: 'review', reason: 'Storm' })],
  'DELETE /api/projects/:id/override-status': [plain(project)],
  'GET /api/projects/:id/members': [plain(project)],
  'GET /api/projects/:id/members/count': [plain(project)],
  'GET /api/projects/:id/members/assignable': [plain(project)],
  'GET /api/projects/:id/members/check/:user_id': [
    { call: ({ f, people }) => ({ params: { id: f.projectId, user_id: people.member.userId } }) },
  ],
  'GET /api/projects/:id/members/:user_id': [
    { call: ({ f, people }) => ({ params: { id: f.projectId, user_id: people.member.userId } }) },
  ],
  'POST /api/projects/:id/members': [
    { call: ({ f, people }) => ({ params: project(f), body: { user_id: people.editor.userId } }) },
  ],
  'POST /api/projects/:id/members/leave': [{ ...plain(project), allowed: ['member', 'admin', 'owner'] }],
  'PATCH /api/projects/:id/members/:user_id': [
    {
      call: ({ f, people }) => ({
        params: { id: f.projectId, user_id: people.member.userId },
        body: { role: 'admin' },
      }),
    },
  ],
  'DELETE /api/projects/:id/members/:user_id': [
    { call: ({ f, people }) => ({ params: { id: f.projectId, user_id: people.member.userId } }) },
  ],

  'GET /api/projects/:id/statuses': [plain(project)],
  'POST /api/projects/:id/statuses': [plain(project, { name: 'New', category: 'active' })],
  'PATCH /api/statuses/:id': [plain(f => ({ id: f.statuses.review }), { name: 'Renamed' })],
  'POST /api/statuses/:id/move': [
    { call: ({ f }) => ({ params: { id: f.statuses.review }, body: { after_id: f.statuses.todo } }) },
  ],
  'DELETE /api/statuses/:id': [plain(f => ({ id: f.statuses.review }))],

  'GET /api/applications/:id/tasks/my': [plain(application)],
  'GET /api/applications/:id/tasks/my/completed': [plain(application)],
  'GET /api/applications/:id/tasks/my/archived': [plain(application)],
  'GET /api/applications/:id/labels': [plain(application)],
  'GET /api/me/tasks': [plain()],
  'GET /api/projects/:id/tasks': [plain(project)],
  'GET /api/projects/:id/tasks/archived': [plain(project)],
  'GET /api/projects/:id/tasks/trash': [plain(project)],
  'GET /api/projects/:id/tasks/by-key/:key': [plain(f => ({ id: f.projectId, key: 'SKR-1' }))],
  'GET /api/tasks/:id': [plain(task)],
  'POST /api/projects/:id/tasks': [plain(project, { title: 'New' })],
  'PATCH /api/tasks/:id': [plain(task, { title: 'Renamed' })],
  'DELETE /api/tasks/:id': [plain(task)],
  'PUT /api/tasks/:id/move': [plain(task, { position: 'bottom' })],
  'POST /api/tasks/:id/move': [plain(task, { position: 'bottom' })],
  'POST /api/tasks/:id/archive': [plain(task)],
  'POST /api/tasks/:id/unarchive': [plain(f => ({ id: f.archived }))],
  'POST /api/tasks/:id/restore': [plain(f => ({ id: f.trashed }))],
  'DELETE /api/tasks/:id/permanent': [plain(f => ({ id: f.trashed }))],

  'GET /api/tasks/:id/checklists': [plain(task)],
  'POST /api/tasks/:id/checklists': [plain(task, { title: 'New' })],
  'PUT /api/tasks/:id/checklists/reorder': [{ call: ({ f }) => ({ params: task(f), body: { ids: [f.list] } }) }],
  'PATCH /api/checklists/:id': [plain(f => ({ id: f.list }), { title: 'Renamed' })],
  'DELETE /api/checklists/:id': [plain(f => ({ id: f.list }))],
  'POST /api/checklists/:id/move': [plain(f => ({ id: f.list }), { after_id: uuid7() })],
  'POST /api/checklists/:id/items': [plain(f => ({ id: f.list }), { content: 'New' })],
  'PUT /api/checklists/:id/items/reorder': [{ call: ({ f }) => ({ params: { id: f.list }, body: { ids: [f.item] } }) }],
  'PATCH /api/checklist-items/:id': [plain(f => ({ id: f.item }), { content: 'Renamed' })],
  'DELETE /api/checklist-items/:id': [plain(f => ({ id: f.item }))],
  'POST /api/checklist-items/:id/toggle': [plain(f => ({ id: f.item }))],
  'POST /api/checklist-items/:id/move': [plain(f => ({ id: f.item }), { after_id: uuid7() })],

  'GET /api/tasks/:id/comments': [plain(task)],
  'POST /api/tasks/:id/comments': [plain(task, { body_markdown: 'New' })],
  'PATCH /api/comments/:id': [
    { name: 'own', ...comment(members, own, { body_markdown: 'Edited' }) },
    { name: 'of others', ...comment([], foreign, { body_markdown: 'Edited' }) },
  ],
  'DELETE /api/comments/:id': [
    { name: 'own', ...comment(members, own) },
    { name: 'of others', ...comment(['owner'], foreign) },
  ],

  'GET /api/tasks/:id/activity': [plain(task)],
  'GET /api/projects/:id/activity': [plain(project)],
  'GET /api/applications/:id/activity': [plain(application)],

  'GET /api/notifications': [mine],
  'GET /api/notifications/count': [mine],
  'GET /api/notifications/:id': [{ ...plain(f => ({ id: f.told })), allowed: ['stranger'], hides: true }],
  'PATCH /api/notifications/:id': [
    { ...plain(f => ({ id: f.told }), { is_read: true }), allowed: ['stranger'], hides: true },
  ],
  'DELETE /api/notifications/:id': [{ ...plain(f => ({ id: f.told })), allowed: ['stranger'], hides: true }],
  'POST /api/notifications/mark-read': [
    { call: ({ f }) => ({ body: { ids: [f.told], is_read: true } }), allowed: ['stranger'], hides: true },
  ],
  'POST /api/notifications/mark-all-read': [{ ...mine, ownPerson: true }],
  'DELETE /api/notifications': [{ ...mine, ownPerson: true }],
  'GET /api/notification-preferences': [mine],
  'PUT /api/notification-preferences': [{ ...mine, ...plain(undefined, { type: 'mention', email: true }) }],

  ...libraryCases,

  'POST /api/transactions': [
    {
      call: () => ({
        body: { transactions: [{ id: uuid7(), mutations: [{ name: 'application.create', args: { name: 'Mine' } }] }] },
      }),
    },
  ],
  'GET /api/transactions/:id': [
    {
      name: 'own',
      call: async ({ me }) => {
        if (!me) return { params: { id: uuid7() } }
        return { params: { id: (await apply(me, [{ name: 'application.create', args: { name: 'Mine' } }])).id } }
      },
      allowed: signed,
    },
    {
      name: 'of others',
      call: async ({ people, role }) => {
        const other = role === 'owner' ? people.admin : people.owner
        return { params: { id: (await apply(other, [{ name: 'application.create', args: { name: 'Mine' } }])).id } }
      },
      allowed: [],
      hides: true,
    },
  ],
  'GET /api/shapes': [plain()],
}
