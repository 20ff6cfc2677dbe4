// One policy, every channel: for random memberships, what a person may read over REST is what his shapes hold, and
// nothing else opens.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { dataOf, type Person, written } from '#server/testing/board.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { readShape, type ShapeServer, startShapeServer } from '#server/testing/shapes.ts'

let server: ShapeServer
beforeAll(async () => {
  server = await startShapeServer()
})
afterAll(() => server.close())

type Role = 'owner' | 'editor' | 'viewer' | 'none'
const roles: readonly Role[] = ['owner', 'editor', 'viewer', 'none']

const idsOf = (rows: readonly Record<string, unknown>[]): string[] => rows.map(row => row.id as string).toSorted()

interface World {
  readonly application: string
  readonly project: string
  readonly task: string
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
        }
      }
      worlds.push({ application, project, task, standing })
    }
    await server.caughtUp()
    for (const person of people) {
      const listed = idsOf(dataOf(await person.get('/api/applications?limit=200')))
      const memberships = await readShape(server, person.token, 'my_memberships')
      expect(memberships.rows.map(row => row.application_id as unknown as string).toSorted()).toEqual(listed)
      for (const { application, project, task, standing } of worlds) {
        const role = must(standing.get(person))
        expect(listed.includes(application)).toBe(role !== 'none')
        const scope = { application_id: application }
        const rest = {
          tasks: await person.get(`/api/projects/${project}/tasks`),
          projects: await person.get(`/api/applications/${application}/projects?archived=all`),
          comments: await person.get(`/api/tasks/${task}/comments?flat=true`),
          task_statuses: await person.get(`/api/projects/${project}/statuses`),
          application_invitations: await person.get(`/api/applications/${application}/invitations`),
        }
        for (const [name, answer] of Object.entries(rest)) {
          const shape = await readShape(server, person.token, name, scope)
          const may = name === 'application_invitations' ? role === 'owner' : role !== 'none'
          expect([name, role, answer.status === 200, shape.status === 200]).toEqual([name, role, may, may])
          if (may) expect([name, idsOf(shape.rows)]).toEqual([name, idsOf(dataOf(answer))])
          else expect(shape.rows).toEqual([])
        }
      }
    }
  }
})
