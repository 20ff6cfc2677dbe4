// Reading what people have been told, for tests.
import { dataOf, type Person } from './board.ts'

export interface Told {
  readonly id: string
  readonly version: number
  readonly created_at: string
  readonly user_id: string
  readonly type: string
  readonly title: string
  readonly message: string | null
  readonly entity_type: string | null
  readonly entity_id: string | null
  readonly application_id: string | null
  readonly project_id: string | null
  readonly task_id: string | null
  readonly actor_id: string | null
  readonly actor_name: string | null
  readonly count: number
  readonly read_at: string | null
  readonly invitation_state?: string
}

/** Notifications of a person, newest first. */
export const toldTo = async (person: Person, query = ''): Promise<Told[]> =>
  dataOf<Told[]>(await person.get(`/api/notifications?limit=200${query}`))

export interface Counters {
  readonly unread_notifications: number
  readonly pending_invitations: number
}

/** What waits for a person, as the counters say. */
export const countersOf = async (person: Person): Promise<Counters> =>
  dataOf<{ counters: Counters }>(await person.get('/api/me')).counters

/** Forgets everything that anybody has been told. */
export const forgetAll = async (people: Readonly<Record<string, Person>>): Promise<void> => {
  for (const person of Object.values(people)) await person.delete('/api/notifications')
}

/** A text that names people. */
export const naming = (...ids: readonly string[]) => ({
  type: 'doc',
  content: [
    {
      type: 'paragraph',
      content: [
        { type: 'text', text: 'Look ' },
        ...ids.map(id => ({ type: 'mention', attrs: { id, label: 'Somebody' } })),
      ],
    },
  ],
})
