// The people of the demo and their boards, set up over the API as any client would.
import { createApi } from '#sync/client/api.ts'
import type { Skerry } from '#server/main.ts'
import { verifyCounters } from '#server/kernel/counters.ts'

export interface Person {
  readonly name: string
  readonly userId: string
  readonly token: string
}

export interface Scene {
  readonly applicationId: string
  /** A second board; Bo's right there is withdrawn while he is away. */
  readonly sideProjectId: string
  readonly ann: Person
  readonly bo: Person
  /** Makes Bo a contributor of the imported board. */
  letIn(projectId: string): Promise<void>
  /** Takes Bo out of the second board. */
  withdraw(): Promise<void>
  /** Recounts all counters; what differs. */
  verify(): Promise<string[]>
}

interface Answer<T> {
  readonly data: T
}

/** Ann owns the application, Bo is an editor in it. */
export const setTheScene = async (skerry: Skerry): Promise<Scene> => {
  const join = async (name: string) => {
    const api = createApi({ url: skerry.url, clientName: 'demo/1' })
    const account = { email: `${name.toLowerCase()}@example.com`, password: 'granite-and-tide-9', display_name: name }
    const { user, access_token: token } = await api.register(account)
    return { api, person: { name, userId: user.id, token } }
  }
  const ann = await join('Ann')
  const bo = await join('Bo')
  const application = await ann.api.post<Answer<{ id: string }>>('/api/applications', { name: 'Demo' })
  const applicationId = application.data.id
  const invitation = await ann.api.post<Answer<{ id: string }>>(`/api/applications/${applicationId}/invitations`, {
    user_id: bo.person.userId,
    role: 'editor',
  })
  await bo.api.post(`/api/invitations/${invitation.data.id}/accept`)
  const side = await ann.api.post<Answer<{ id: string }>>(`/api/applications/${applicationId}/projects`, {
    name: 'Harbour',
    key: 'HRB',
  })
  const sideProjectId = side.data.id
  for (const title of ['Paint the pier', 'Check the buoys']) {
    await ann.api.post(`/api/projects/${sideProjectId}/tasks`, { title })
  }
  const contributor = { user_id: bo.person.userId }
  await ann.api.post(`/api/projects/${sideProjectId}/members`, contributor)
  return {
    applicationId,
    sideProjectId,
    ann: ann.person,
    bo: bo.person,
    letIn: async projectId => {
      await ann.api.post(`/api/projects/${projectId}/members`, contributor)
    },
    withdraw: async () => {
      await ann.api.delete(`/api/projects/${sideProjectId}/members/${bo.person.userId}`)
    },
    verify: async () => {
      const { differing } = await verifyCounters(skerry.database, false)
      return differing.map(row => `${row.table} ${row.id} ${row.counter}: ${row.stored}, counted ${row.counted}`)
    },
  }
}
