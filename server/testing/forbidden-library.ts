// The forbidden matrix of folders, documents, tags, templates, locks and snapshots: the same calls in an application, in a project
// and at home.
import { uuid7 } from '#server/kernel/ids.ts'
import { apply, type Board, type People } from './board.ts'
import { type Call, type CallContext, type Case, type Library, plain, type Role } from './forbidden-case.ts'

const writing = { format: 'markdown', value: 'New' }
const template = (id: string, at: object) => ({
  name: 'template.create',
  args: { id, ...at, name: id, content: writing },
})

/** Makes one of each. */
export const makeLibrary = async (people: People, board: Board): Promise<Library> => {
  const names = [
    'folder',
    'trashedFolder',
    'document',
    'trashedDocument',
    'projectFolder',
    'projectDocument',
    'ownFolder',
    'ownDocument',
    'tag',
    'ownTag',
    'template',
    'snapshot',
    'ownSnapshot',
    'comment',
    'ownComment',
  ] as const
  const library = Object.fromEntries(names.map(name => [name, uuid7()])) as Record<(typeof names)[number], string>
  const inApplication = { scope: 'application', scope_id: board.applicationId }
  const inProject = { scope: 'project', scope_id: board.projectId }
  const home = { scope: 'personal' }
  const folder = (id: string, at: object) => ({ name: 'folder.create', args: { id, ...at, name: id } })
  const document = (id: string, at: object) => ({ name: 'document.create', args: { id, ...at, title: id } })
  await apply(people.owner, [
    folder(library.folder, inApplication),
    folder(library.trashedFolder, inApplication),
    folder(library.projectFolder, inProject),
    folder(library.ownFolder, home),
    document(library.document, inApplication),
    document(library.trashedDocument, inApplication),
    document(library.projectDocument, inProject),
    document(library.ownDocument, home),
    { name: 'folder.delete', args: { id: library.trashedFolder } },
    { name: 'document.delete', args: { id: library.trashedDocument } },
    { name: 'tag.create', args: { id: library.tag, ...inApplication, name: library.tag } },
    { name: 'tag.create', args: { id: library.ownTag, ...home, name: library.ownTag } },
    template(library.template, inApplication),
    { name: 'snapshot.create', args: { id: library.snapshot, document_id: library.document, name: 'Kept' } },
    { name: 'snapshot.create', args: { id: library.ownSnapshot, document_id: library.ownDocument, name: 'Kept' } },
    {
      name: 'document_comment.create',
      args: { id: library.comment, document_id: library.document, body_markdown: 'Why?' },
    },
    {
      name: 'document_comment.create',
      args: { id: library.ownComment, document_id: library.ownDocument, body_markdown: 'Why?' },
    },
  ])
  return library
}

const contributors: readonly Role[] = ['member', 'admin', 'owner']
const ownerOnly = { allowed: ['owner'] as const, hides: true }

type Target = Partial<Record<'application' | 'project' | 'own', keyof Library>>

/** One call for each place that `target` names, by its rights: an application's, a project's, the owner's own. */
const everywhere = (
  target: Target,
  options: { readonly reads?: boolean; readonly param?: string; readonly body?: unknown } = {},
): Case[] => {
  const { reads = false, param = 'id', body } = options
  const call = (name: keyof Library) => plain(f => ({ [param]: f.library[name] }), body)
  return [
    ...(target.application ? [{ name: 'of the application', ...call(target.application) }] : []),
    ...(target.project
      ? [{ name: 'of the project', ...call(target.project), ...(reads ? {} : { allowed: contributors }) }]
      : []),
    ...(target.own ? [{ name: 'of the owner alone', ...call(target.own), ...ownerOnly }] : []),
  ]
}

/** The same for routes that name a scope in their query or body. */
const scoped = (
  send: (scope: Readonly<Record<string, string>>) => Pick<Call, 'query' | 'body'>,
  options: { readonly reads?: boolean; readonly projects?: boolean; readonly home?: readonly Role[] } = {},
): Case[] => [
  {
    name: 'in the application',
    call: ({ f }) => send({ scope: 'application', scope_id: f.applicationId }),
  },
  ...(options.projects === false
    ? []
    : [
        {
          name: 'in the project',
          call: ({ f }: CallContext) => send({ scope: 'project', scope_id: f.projectId }),
          ...(options.reads ? {} : { allowed: contributors }),
        },
      ]),
  {
    name: 'at home',
    call: ({ people }) => send({ scope: 'personal', scope_id: people.owner.userId }),
    ...ownerOnly,
  },
]

const inQuery = (scope: Readonly<Record<string, string>>) => ({ query: new URLSearchParams(scope).toString() })
const withBody = (fields: Readonly<Record<string, unknown>>) => (scope: Readonly<Record<string, string>>) => ({
  body: { ...scope, ...fields },
})

const someDocument: Target = { application: 'document', project: 'projectDocument', own: 'ownDocument' }
const someFolder: Target = { application: 'folder', project: 'projectFolder', own: 'ownFolder' }
const someSnapshot: Target = { application: 'snapshot', own: 'ownSnapshot' }
const someTag: Target = { application: 'tag', own: 'ownTag' }
const ownComments = (body?: unknown): Case[] => [
  { name: 'of the owner', ...plain(f => ({ id: f.library.comment }), body), allowed: ['owner'] },
  { name: 'of the owner alone', ...plain(f => ({ id: f.library.ownComment }), body), ...ownerOnly },
]
// a person has fewer templates at home than there are fixtures: each call makes its own
const someTemplate = (options: { readonly reads?: boolean; readonly body?: unknown } = {}): Case[] => [
  ...everywhere({ application: 'template' }, options),
  {
    name: 'of the owner alone',
    call: async ({ people }) => {
      const id = uuid7()
      await apply(people.owner, [template(id, { scope: 'personal' })])
      return { params: { id }, body: options.body }
    },
    ...ownerOnly,
  },
]
const settling: Case[] = everywhere({ application: 'comment', own: 'ownComment' }).map(one =>
  one.allowed ? one : { ...one, allowed: ['editor', 'member', 'admin', 'owner'] },
)

/** What each route of the knowledge base is called with. */
export const libraryCases: Readonly<Record<string, readonly Case[]>> = {
  'GET /api/documents': scoped(inQuery, { reads: true }),
  'POST /api/documents': scoped(withBody({ title: 'New document' })),
  'GET /api/documents/trash': scoped(inQuery),
  'GET /api/documents/scopes-summary': [plain()],
  'GET /api/documents/projects-with-content': [{ call: ({ f }) => ({ query: `application_id=${f.applicationId}` }) }],
  'GET /api/documents/permissions': [{ call: ({ f }) => ({ query: `scope=application&scope_id=${f.applicationId}` }) }],
  'GET /api/documents/active-locks': scoped(inQuery, { reads: true }),
  'GET /api/documents/:id': everywhere(someDocument, { reads: true }),
  'PATCH /api/documents/:id': everywhere(someDocument, { body: { title: 'Renamed document' } }),
  'DELETE /api/documents/:id': everywhere(someDocument),
  'POST /api/documents/:id/move': everywhere(someDocument, { body: { after_id: uuid7() } }),
  'POST /api/documents/:id/duplicate': everywhere(someDocument),
  'POST /api/documents/:id/restore': everywhere({ application: 'trashedDocument' }),
  'DELETE /api/documents/:id/permanent': everywhere({ application: 'trashedDocument' }),
  'GET /api/documents/:id/activity': everywhere(someDocument, { reads: true }),
  'GET /api/documents/:id/content': everywhere(someDocument, { reads: true }),
  'PUT /api/documents/:id/content': everywhere(someDocument, { body: writing }),
  'PATCH /api/documents/:id/content': everywhere(someDocument, { body: writing }),
  'POST /api/documents/:id/updates': everywhere(someDocument, { body: new Uint8Array([0, 0]) }),

  'GET /api/document-folders/tree': scoped(inQuery, { reads: true }),
  'POST /api/document-folders': scoped(withBody({ name: 'New folder' })),
  'PATCH /api/document-folders/:id': everywhere(someFolder, { body: { name: 'Renamed folder' } }),
  'DELETE /api/document-folders/:id': everywhere(someFolder),
  'POST /api/document-folders/:id/move': everywhere(someFolder, { body: { after_id: uuid7() } }),
  'POST /api/document-folders/:id/restore': everywhere({ application: 'trashedFolder' }),
  'DELETE /api/document-folders/:id/permanent': everywhere({ application: 'trashedFolder' }),

  'GET /api/document-tags': scoped(inQuery, { reads: true, projects: false }),
  'POST /api/document-tags': scoped(withBody({ name: 'New' }), { projects: false }),
  'PATCH /api/document-tags/:id': everywhere(someTag, { body: { name: 'Renamed' } }),
  'DELETE /api/document-tags/:id': everywhere(someTag),
  'POST /api/documents/:id/tags': [
    { call: ({ f }) => ({ params: { id: f.library.document }, body: { tag_id: f.library.tag } }) },
    {
      name: 'of the project',
      call: ({ f }) => ({ params: { id: f.library.projectDocument }, body: { tag_id: f.library.tag } }),
      allowed: contributors,
    },
    {
      name: 'of the owner alone',
      call: ({ f }) => ({ params: { id: f.library.ownDocument }, body: { tag_id: f.library.ownTag } }),
      ...ownerOnly,
    },
  ],
  'DELETE /api/documents/:id/tags/:tag_id': [
    { call: ({ f }) => ({ params: { id: f.library.document, tag_id: f.library.tag } }) },
  ],

  'GET /api/document-templates': scoped(inQuery, { reads: true, projects: false }),
  'POST /api/document-templates': scoped(withBody({ name: 'New', content: writing }), { projects: false }),
  'GET /api/document-templates/:id': someTemplate({ reads: true }),
  'PATCH /api/document-templates/:id': someTemplate({ body: { name: 'Renamed' } }),
  'DELETE /api/document-templates/:id': someTemplate(),

  'GET /api/documents/:id/lock': everywhere(someDocument, { reads: true }),
  'POST /api/documents/:id/lock': everywhere(someDocument),
  'DELETE /api/documents/:id/lock': everywhere(someDocument),
  'POST /api/documents/:id/lock/heartbeat': [
    {
      ...plain(f => ({ id: f.library.document })),
      proof: { editor: 'lock_not_held', member: 'lock_not_held', admin: 'lock_not_held', owner: 'lock_not_held' },
    },
  ],
  'POST /api/documents/:id/lock/force-take': [
    { name: 'of the application', ...plain(f => ({ id: f.library.document })) },
    { name: 'of the project', ...plain(f => ({ id: f.library.projectDocument })) },
  ],

  'GET /api/documents/:id/snapshots': everywhere(someDocument, { reads: true }),
  'POST /api/documents/:id/snapshots': everywhere(someDocument, { body: { name: 'New' } }),
  'GET /api/snapshots/:id': everywhere(someSnapshot, { reads: true }),
  'GET /api/snapshots/:id/content': everywhere(someSnapshot, { reads: true }),
  'GET /api/snapshots/:id/diff': everywhere(someSnapshot, { reads: true }),
  'PATCH /api/snapshots/:id': everywhere(someSnapshot, { body: { name: 'Renamed' } }),
  // made by the owner: nobody else's to delete
  'DELETE /api/snapshots/:id': [
    { name: 'of the owner', ...plain(f => ({ id: f.library.snapshot })), allowed: ['owner'] },
    { name: 'of the owner alone', ...plain(f => ({ id: f.library.ownSnapshot })), ...ownerOnly },
  ],
  'POST /api/snapshots/:id/restore': everywhere(someSnapshot),

  'GET /api/documents/:id/comments': everywhere(someDocument, { reads: true }),
  'POST /api/documents/:id/comments': everywhere(someDocument, { reads: true, body: { body_markdown: 'Because' } }),
  // the owner's: others may only settle it where they may edit
  'PATCH /api/document-comments/:id': ownComments({ body_markdown: 'Why not?' }),
  'DELETE /api/document-comments/:id': ownComments(),
  'POST /api/document-comments/:id/resolve': settling,
  'POST /api/document-comments/:id/reopen': settling,
}
