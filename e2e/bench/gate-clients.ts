// Load process of the gate's bench: clients that follow many shapes each, by long polls or over one socket per client,
// and note when the bytes of each write arrive. A write is recognised by `seq:<n>.`.
import { Agent, request } from 'node:http'
import { WebSocket } from 'ws'

/** What the load process is told. */
export interface GateLoad {
  readonly url: string
  readonly token: string
  /** Paths with query, without position. */
  readonly shapes: readonly string[]
  readonly clients: number
  readonly transport: 'poll' | 'socket'
}

/** What it answers. */
export interface GateResult {
  readonly seen: readonly (readonly [sequence: number, atMs: number])[]
}

interface Answer {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

type Get = (path: string) => Promise<Answer>

const seen: [number, number][] = []
// an object: the loops below wait for a change that the compiler does not see
const state = { finished: false }

const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

const byPoll = ({ url, token }: GateLoad): Get => {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  const headers = { authorization: `Bearer ${token}` }
  return path =>
    new Promise((done, fail) => {
      const call = request(url + path, { agent, headers }, response => {
        let body = ''
        response.setEncoding('latin1')
        response.on('data', (piece: string) => (body += piece))
        response.on('end', () => {
          if (response.statusCode === 200) done({ headers: response.headers, body })
          else fail(new Error(`${path}: ${response.statusCode} ${body}`))
        })
      })
      call.on('error', fail)
      call.end()
    })
}

const bySocket = async ({ url, token }: GateLoad): Promise<Get> => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/sync`, { headers: { authorization: `Bearer ${token}` } })
  const waiting = new Map<number, (answer: Answer) => void>()
  let counter = 0
  socket.on('message', data => {
    const { id, headers, body } = JSON.parse((data as Buffer).toString()) as Answer & { id: number }
    waiting.get(id)?.({ headers, body })
    waiting.delete(id)
  })
  await new Promise((done, fail) => {
    socket.once('open', done)
    socket.once('error', fail)
  })
  return path =>
    new Promise(done => {
      const id = (counter += 1)
      waiting.set(id, done)
      socket.send(JSON.stringify({ id, url: path }))
    })
}

const note = (body: string): void => {
  const at = now()
  for (const [, sequence] of body.matchAll(/seq:(\d+)\./g)) seen.push([Number(sequence), at])
}

const follow = async (get: Get, shape: string, caughtUp: () => void): Promise<void> => {
  let position = 'offset=-1'
  let live = false
  while (!state.finished) {
    const { headers, body } = await get(`${shape}&${position}`)
    if (live) note(body)
    else if ('electric-up-to-date' in headers) {
      live = true
      caughtUp()
    }
    const header = (name: string) => String(headers[name] ?? '')
    position = `offset=${header('electric-offset')}&handle=${header('electric-handle')}`
    if (live) position += `&live=true&cursor=${header('electric-cursor')}`
  }
}

const run = async (load: GateLoad): Promise<void> => {
  let waiting = load.clients * load.shapes.length
  const poll = byPoll(load)
  for (let n = 0; n < load.clients; n += 1) {
    const get = load.transport === 'poll' ? poll : await bySocket(load)
    for (const shape of load.shapes)
      follow(get, shape, () => {
        waiting -= 1
        // the last live request needs a moment to be parked
        if (waiting === 0) setTimeout(() => process.send?.({ type: 'ready' }), 500)
      }).catch((error: unknown) => {
        if (state.finished) return
        console.error(error)
        process.exit(1)
      })
  }
}

process.on('message', message => {
  const { type, value } = message as { type: string; value: GateLoad }
  if (type === 'finish') {
    state.finished = true
    process.send?.({ type: 'result', value: { seen } satisfies GateResult }, () => process.exit(0))
  } else void run(value)
})
