// People around one application, set up over the API as any client would.
import { createApi } from '#sync/client/api.ts'

export interface Sailor {
  readonly name: string
  readonly userId: string
  readonly token: string
}

export interface Crew {
  readonly applicationId: string
  /** Boards in the order asked for, with their columns in order. */
  readonly projects: readonly { readonly id: string; readonly statusIds: readonly string[] }[]
  /** In the order asked for; the first one owns the application. */
  readonly people: readonly Sailor[]
}

interface Answer<T> {
  readonly data: T
}

/**
 * Signs `names` up, makes an application of the first with a board for each of `keys`, and takes the others in:
 * as editors and members of all boards, or as viewers where the name is in `viewers`.
 */
export const signUpCrew = async (
  url: string,
  names: readonly [string, ...string[]],
  keys: readonly string[],
  viewers: readonly string[] = [],
): Promise<Crew> => {
  const signUp = async (name: string) => {
    const api = createApi({ url })
    const { user, access_token: token } = await api.register({
      email: `${name}@example.com`,
      password: 'granite-and-tide-9',
      display_name: name,
    })
    return { api, sailor: { name, userId: user.id, token } }
  }
  const owner = await signUp(names[0])
  const application = await owner.api.post<Answer<{ id: string }>>('/api/applications', { name: 'Harbour' })
  const applicationId = application.data.id
  const projects: Crew['projects'][number][] = []
  for (const key of keys) {
    const { data } = await owner.api.post<Answer<{ id: string; statuses: { id: string }[] }>>(
      `/api/applications/${applicationId}/projects`,
      { name: `Pier ${key}`, key },
    )
    projects.push({ id: data.id, statusIds: data.statuses.map(one => one.id) })
  }
  const people = [owner.sailor]
  for (const name of names.slice(1)) {
    const { api, sailor } = await signUp(name)
    const role = viewers.includes(name) ? 'viewer' : 'editor'
    const invitation = await owner.api.post<Answer<{ id: string }>>(`/api/applications/${applicationId}/invitations`, {
      user_id: sailor.userId,
      role,
      ...(role === 'viewer' ? {} : { projects: projects.map(one => ({ project_id: one.id, role: 'member' })) }),
    })
    await api.post(`/api/invitations/${invitation.data.id}/accept`)
    people.push(sailor)
  }
  return { applicationId, projects, people }
}
