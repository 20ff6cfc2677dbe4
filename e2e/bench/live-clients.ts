// Load process of the live benches: clients, by long poll or event stream, that note when each write's bytes arrive. No
// JSON is parsed while they run: a write is recognised by `seq:<n>.` in the bytes.
import { Agent, request } from 'node:http'
import { pause } from '#server/kernel/lifecycle.ts'
import type { LiveLoad } from './live.ts'

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const seen: [number, number][] = []
const state = { finished: false, deliveries: 0 }

const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

interface Answer {
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
  readonly at: number
}

const get = (url: string): Promise<Answer> =>
  new Promise((done, fail) => {
    const call = request(url, { agent }, response => {
      const pieces: Buffer[] = []
      let at = 0
      response.on('data', (piece: Buffer) => {
        at ||= now()
        pieces.push(piece)
      })
      response.on('end', () => {
        if (response.statusCode !== 200) fail(new Error(`${response.statusCode}: ${Buffer.concat(pieces).toString()}`))
        else done({ headers: response.headers, body: Buffer.concat(pieces), at })
      })
      response.on('error', fail)
    })
    call.on('error', fail)
    call.end()
  })

const note = (body: Buffer, at: number): void => {
  for (let found = body.indexOf('seq:'); found >= 0; found = body.indexOf('seq:', found + 4)) {
    const end = body.indexOf('.', found)
    seen.push([Number(body.toString('latin1', found + 4, end)), at])
  }
}

const header = (answer: Answer, name: string): string => String(answer.headers[name] ?? '')

/** Reads an event stream until its end; an event may come in two pieces. */
const stream = (url: string): Promise<void> =>
  new Promise((done, fail) => {
    const call = request(url, { agent }, response => {
      if (response.statusCode !== 200) return fail(new Error(`${url}: ${response.statusCode}`))
      let rest: Buffer = Buffer.alloc(0)
      response.on('data', (piece: Buffer) => {
        const at = now()
        const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
        const end = bytes.lastIndexOf('\n\n') + 1
        note(bytes.subarray(0, end), at)
        rest = bytes.subarray(end)
      })
      response.on('end', done)
      response.on('error', fail)
    })
    call.on('error', fail)
    call.end()
  })

const follow = async (url: string, sse: boolean, caughtUp: () => void): Promise<void> => {
  let offset = '-1'
  let handle = ''
  let cursor = ''
  let live = false
  while (!state.finished) {
    if (live && sse) return stream(`${url}&offset=${offset}&handle=${handle}&live=true&live_sse=true`)
    const position = `&offset=${offset}${handle && `&handle=${handle}`}${live ? `&live=true&cursor=${cursor}` : ''}`
    const answer = await get(url + position)
    offset = header(answer, 'electric-offset')
    handle = header(answer, 'electric-handle')
    cursor = header(answer, 'electric-cursor')
    if (live) note(answer.body, answer.at)
    if (!live && 'electric-up-to-date' in answer.headers) {
      live = true
      caughtUp()
    }
  }
}

const finish = async (): Promise<void> => {
  const deadline = now() + 15_000
  while (seen.length < state.deliveries && now() < deadline) await pause(20)
  state.finished = true
  process.send?.({ type: 'result', value: { seen } }, () => process.exit(0))
}

process.on('message', message => {
  const { type, value } = message as { type: string; value: LiveLoad }
  if (type === 'finish') {
    void finish()
    return
  }
  state.deliveries = value.deliveries
  void start(value)
})

/** So many begin together: servers limit how many may ask for a shape that they do not know. */
const together = 100

const start = async (value: LiveLoad): Promise<void> => {
  let waiting = value.clients
  for (let n = 0; n < value.clients; n += 1) {
    if (n > 0 && n % together === 0) await pause(100)
    follow(value.urls[n % value.urls.length] ?? '', value.sse, () => {
      waiting -= 1
      // the first live request of the last client needs a moment to be parked: the writer starts on `ready`
      if (waiting === 0) setTimeout(() => process.send?.({ type: 'ready' }), 300)
    }).catch((error: unknown) => {
      if (state.finished) return
      console.error(error)
      process.exit(1)
    })
  }
}
