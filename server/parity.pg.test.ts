// One policy, every channel: for random memberships, what a person may read over REST is what his shapes hold, and
// nothing else opens.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { dataOf, type Person, type Row, written } from '#server/testing/board.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { readShape, type ShapeServer, startShapeServer } from '#server/testing/shapes.ts'

let server: ShapeServer
beforeAll(async () => {
  server = await startShapeServer()
})
afterAll(() => server.close())

type Role = 'owner' | 'editor' | 'viewer' | 'none'
const roles: readonly Role[] = ['owner', 'editor', 'viewer', 'none']

const actorOf = (person: Person) =>
  ({ kind: 'user', userId: person.userId, displayName: '', sessionPublicId: '', isAdmin: false }) as const

const idsOf = (rows: readonly Record<string, unknown>[]): string[] => rows.map(row => row.id as string).toSorted()

/** Makes a document of the person's own, with its lock. */
const own = async (person: Person): Promise<string> => {
  const document = written(await person.post('/api/documents', { scope: 'personal', title: newTitle() })).data.id
  written(await person.post(`/api/documents/${document}/lock`))
  written(await person.post(`/api/documents/${document}/comments`, { body_markdown: 'To myself' }))
  const template = { scope: 'personal', name: newTitle(), document_id: document }
  written(await person.post('/api/document-templates', template))
  return document
}
let titles = 0
const newTitle = () => `Paper ${(titles += 1)}`

interface World {
  readonly application: string
  readonly project: string
  readonly task: string
  readonly documents: readonly { readonly id: string; readonly inProject: boolean }[]
  readonly contributors: ReadonlySet<Person>
  readonly standing: ReadonlyMap<Person, Role>
}

test(`rows in the shape = rows the policy allows, for random memberships (SKERRY_SEED=${seed})`, async () => {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => must(list[Math.floor(random() * list.length)])
  const people: Person[] = []
  for (const name of ['ann', 'bo', 'cy', 'di']) people.push(await server.signUp(name))
  for (let run = 0; run < runs(3); run += 1) {
    const worlds: World[] = []
    for (const founder of [pick(people), pick(people)]) {
      const application = written(await founder.post('/api/applications', { name: `A ${run}` })).data.id
      const project = written(await founder.post(`/api/applications/${application}/projects`, { name: 'P', key: 'P' }))
        .data.id
      const task = written(await founder.post(`/api/projects/${project}/tasks`, { title: 'T' })).data.id
      written(await founder.post(`/api/tasks/${task}/comments`, { body_markdown: 'C' }))
      const inApplication = { scope: 'application', scope_id: application }
      const places = [inApplication, { scope: 'project', scope_id: project }]
      const documents: { id: string; inProject: boolean }[] = []
      for (const place of places) {
        const made = written(await founder.post('/api/documents', { ...place, title: newTitle() })).data.id
        documents.push({ id: made, inProject: place !== inApplication })
      }
      written(await founder.post('/api/document-folders', { ...inApplication, name: newTitle() }))
      const tag = written(await founder.post('/api/document-tags', { ...inApplication, name: 'Tag' })).data.id
      written(await founder.post(`/api/documents/${must(documents[0]).id}/tags`, { tag_id: tag }))
      written(await founder.post(`/api/documents/${must(documents[0]).id}/comments`, { body_markdown: 'D' }))
      const template = { ...inApplication, name: 'Template', document_id: must(documents[1]).id }
      written(await founder.post('/api/document-templates', template))
      const guest = { email: 'guest@elsewhere.example', role: 'viewer' }
      written(await founder.post(`/api/applications/${application}/invitations`, guest))
      const contributors = new Set<Person>()
      const standing = new Map<Person, Role>([[founder, 'owner']])
      for (const person of people.filter(one => one !== founder)) {
        const role = pick(roles)
        standing.set(person, role)
        if (role === 'none') continue
        const invitation = written(
          await founder.post(`/api/applications/${application}/invitations`, { user_id: person.userId, role }),
        ).data.id
        written(await person.post(`/api/invitations/${invitation}/accept`))
        if (role === 'editor' && random() < 0.5) {
          written(await founder.post(`/api/projects/${project}/members`, { user_id: person.userId }))
          contributors.add(person)
        }
      }
      worlds.push({ application, project, task, documents, contributors, standing })
    }
    const owned = new Map<Person, string>()
    for (const person of people) owned.set(person, await own(person))
    await server.caughtUp()
    // per shape that is compared: the most rows that anybody has; two empty answers are equal without saying anything
    const most = new Map<string, number>()
    const compare = (name: string, shape: readonly string[], rest: readonly string[]): void => {
      expect([name, shape]).toEqual([name, rest])
      most.set(name, Math.max(most.get(name) ?? 0, shape.length))
    }
    for (const person of people) {
      const mine = must(owned.get(person))
      const personal = await readShape(server, person.token, 'personal_documents')
      const listedOwn = idsOf(dataOf(await person.get('/api/documents?scope=personal&limit=200')))
      compare('personal_documents', idsOf(personal.rows), listedOwn)
      expect(listedOwn).toContain(mine)
      const toHimself = await readShape(server, person.token, 'personal_document_comments')
      const ownThreads = await Promise.all(listedOwn.map(id => person.get(`/api/documents/${id}/comments`)))
      compare('personal_document_comments', idsOf(toHimself.rows), idsOf(ownThreads.flatMap(one => dataOf(one))))
      const templates = await readShape(server, person.token, 'personal_document_templates')
      const ownTemplates = dataOf(await person.get('/api/document-templates?scope=personal'))
      compare('personal_document_templates', idsOf(templates.rows), idsOf(ownTemplates))
      for (const [other, id] of owned) {
        const opens = await server.app.documents.access(actorOf(person), id)
        expect([opens, (await person.get(`/api/documents/${id}`)).status]).toEqual(
          other === person ? [{ edit: true }, 200] : [undefined, 404],
        )
      }
      const listed = idsOf(dataOf(await person.get('/api/applications?limit=200')))
      const told = await readShape(server, person.token, 'my_notifications')
      expect(idsOf(told.rows)).toEqual(idsOf(dataOf(await person.get('/api/notifications?limit=200'))))
      expect(told.rows.every(row => row.user_id === person.userId)).toBe(true)
      const counters = await readShape(server, person.token, 'my_counters')
      const unread = dataOf<{ unread: number }>(await person.get('/api/notifications/count')).unread
      expect(counters.rows).toMatchObject([{ user_id: person.userId, unread_notifications: unread }])
      const memberships = await readShape(server, person.token, 'my_memberships')
      const memberOf = memberships.rows.map(row => row.application_id as unknown as string).toSorted()
      compare('my_memberships', memberOf, listed)
      for (const { application, project, task, documents, contributors, standing } of worlds) {
        const role = must(standing.get(person))
        expect(listed.includes(application)).toBe(role !== 'none')
        const scope = { application_id: application }
        for (const document of documents) {
          const edit = role === 'owner' || (role === 'editor' && (!document.inProject || contributors.has(person)))
          const opens = await server.app.documents.access(actorOf(person), document.id)
          const answer = await person.get(`/api/documents/${document.id}`)
          expect([role, opens, answer.status]).toEqual([
            role,
            role === 'none' ? undefined : { edit },
            role === 'none' ? 404 : 200,
          ])
          if (role !== 'none') expect(dataOf<object>(answer)).toMatchObject({ my_access: { view: true, edit } })
        }
        const rest = {
          tasks: await person.get(`/api/projects/${project}/tasks`),
          projects: await person.get(`/api/applications/${application}/projects?archived=all`),
          comments: await person.get(`/api/tasks/${task}/comments?flat=true`),
          task_statuses: await person.get(`/api/projects/${project}/statuses`),
          folders: await person.get(`/api/document-folders/tree?scope=application&scope_id=${application}`),
          document_comments: await person.get(`/api/documents/${must(documents[0]).id}/comments`),
          tags: await person.get(`/api/document-tags?scope=application&scope_id=${application}`),
          document_templates: await person.get(`/api/document-templates?scope=application&scope_id=${application}`),
          application_invitations: await person.get(`/api/applications/${application}/invitations`),
        }
        for (const [name, answer] of Object.entries(rest)) {
          const shape = await readShape(server, person.token, name, scope)
          const may = name === 'application_invitations' ? role === 'owner' : role !== 'none'
          expect([name, role, answer.status === 200, shape.status === 200]).toEqual([name, role, may, may])
          const rows = name === 'folders' && may ? dataOf<{ folders: Row[] }>(answer).folders : undefined
          if (may) compare(name, idsOf(shape.rows), idsOf(rows ?? dataOf(answer)))
          else expect(shape.rows).toEqual([])
        }
      }
    }
    expect([...most].filter(([, rows]) => rows === 0)).toEqual([])
  }
})
