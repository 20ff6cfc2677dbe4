// A board in a browser on the client library, as an application would build it: rows from IndexedDB at once, pending
// edits marked, whatever the network does. `window.skerry` is the handle that the tests drive it by.
import {
  type Client,
  type Collection,
  createClient,
  mutation,
  openIndexedDbStore,
  type Status,
  type Task,
} from '../../../sync/client/index.ts'

/** What the address' fragment says: `#url=…&application=…&token=…`; without a token, cookies. */
const settings = new URLSearchParams(location.hash.slice(1))

interface Board {
  readonly client: Client
  readonly tasks: Collection<Task>
  readonly statuses: Collection<Status>
}

const byRank = (a: { rank: string; id: string }, b: { rank: string; id: string }): number =>
  a.rank < b.rank || (a.rank === b.rank && a.id < b.id) ? -1 : 1

const element = (tag: string, text: string, data: Record<string, string> = {}): HTMLElement => {
  const made = document.createElement(tag)
  made.textContent = text
  Object.assign(made.dataset, data)
  return made
}

const show = (id: string, text: string, state = ''): void => {
  const output = document.querySelector<HTMLOutputElement>(`#${id}`)
  if (!output) return
  output.textContent = text
  output.dataset.state = state
}

const draw = ({ client, tasks, statuses }: Board): void => {
  const pending = new Set(client.outbox.pending().flatMap(({ mutations }) => mutations.map(({ args }) => args.id)))
  const cards = tasks.rows().filter(task => task.deleted_at === null && task.archived_at === null)
  const columns = statuses
    .rows()
    .toSorted(byRank)
    .map(status => {
      const column = element('section', '', { status: status.name })
      const own = cards.filter(task => task.status_id === status.id).toSorted(byRank)
      column.append(element('h2', `${status.name} · ${own.length}`))
      for (const task of own) {
        const card = element('article', task.title, { id: task.id, pending: String(pending.has(task.id)) })
        card.append(document.createElement('br'), element('small', task.task_key === '' ? 'new' : task.task_key))
        column.append(card)
      }
      return column
    })
  document.querySelector('#columns')?.replaceChildren(...columns)
  const queued = client.outbox.pending().filter(one => one.state === 'queued').length
  show('queue', queued === 0 ? '' : `${queued} waiting to be sent`)
  show('state', tasks.state, tasks.state)
}

const openBoard = async (): Promise<Board> => {
  const token = settings.get('token')
  const client = await createClient({
    url: settings.get('url') ?? '',
    store: await openIndexedDbStore('board'),
    ...(token === null ? { credentials: 'cookie' as const } : { token }),
  })
  const scope = { application_id: settings.get('application') ?? '' }
  const board: Board = {
    client,
    tasks: await client.follow('tasks', scope),
    statuses: await client.follow('task_statuses', scope),
  }
  let waiting = false
  const soon = () => {
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => {
      waiting = false
      draw(board)
    })
  }
  for (const part of [board.tasks, board.statuses, client.outbox]) part.subscribe(soon)
  soon()
  return board
}

const board = settings.has('application') ? openBoard() : Promise.reject(new Error('No application was named.'))
board.catch((error: unknown) => show('state', String(error)))

const skerry = {
  openIndexedDbStore,
  mutation,
  /** The board, when it is open. */
  opened: () => board,
}

declare global {
  interface Window {
    skerry: typeof skerry
  }
}

window.skerry = skerry
if (settings.has('application')) await navigator.serviceWorker.register('./sw.js')
