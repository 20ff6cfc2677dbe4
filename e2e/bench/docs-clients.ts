// Load on document sockets, a process of its own. Speaks Hocuspocus' frames, or y-websocket's with `plain`. Clients only
// make updates and take the time of those of others; none keeps a document, except where opening one is measured.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { percentile } from './table.ts'

export interface DocsLoad {
  readonly url: string
  /** Frames without the name of a room: it stands in the address. */
  readonly plain: boolean
  readonly token: string
  readonly work:
    | {
        readonly kind: 'type'
        readonly rooms: readonly string[]
        readonly clientsPerRoom: number
        readonly perSecond: number
        readonly seconds: number
      }
    | { readonly kind: 'open'; readonly rooms: readonly string[]; readonly apply: boolean }
}

export interface DocsTimes {
  /** Milliseconds from sending to the arrival at somebody else. */
  readonly p50: number
  readonly p99: number
  readonly deliveries: number
  /** Updates that never reached everybody. */
  readonly missing: number
  /** Milliseconds until the last byte of each opened document had come, and until it was applied. */
  readonly bytesMs: readonly number[]
  readonly appliedMs: readonly number[]
}

const frameKinds = { sync: 0, auth: 2, syncReply: 4 } as const
const steps = { one: 0, two: 1, update: 2 } as const

/** A client's socket: frames of one room, or of several over Hocuspocus' frames. */
const openSocket = ({ url, plain, token }: DocsLoad, room: string): Promise<WebSocket> => {
  const address = `${url.replace('http', 'ws')}/collab${plain ? `/${room}` : ''}`
  const socket = new WebSocket(address, plain ? ['skerry', token] : undefined)
  return new Promise((done, fail) => {
    socket.once('open', () => done(socket))
    socket.once('error', fail)
  })
}

const frame = (load: DocsLoad, room: string, write: (encoder: encoding.Encoder) => void): Uint8Array => {
  const encoder = encoding.createEncoder()
  if (!load.plain) encoding.writeVarString(encoder, room)
  write(encoder)
  return encoding.toUint8Array(encoder)
}

const sync = (load: DocsLoad, room: string, socket: WebSocket, step: number, payload: Uint8Array): void =>
  socket.send(
    frame(load, room, encoder => {
      encoding.writeVarUint(encoder, frameKinds.sync)
      encoding.writeVarUint(encoder, step)
      encoding.writeVarUint8Array(encoder, payload)
    }),
  )

const enter = (load: DocsLoad, room: string, socket: WebSocket): void => {
  if (!load.plain) {
    socket.send(
      frame(load, room, encoder => {
        encoding.writeVarUint(encoder, frameKinds.auth)
        encoding.writeVarUint(encoder, 0)
        encoding.writeVarString(encoder, load.token)
      }),
    )
  }
  sync(load, room, socket, steps.one, Y.encodeStateVector(new Y.Doc()))
}

/** The update in a frame, with the kind of its step; undefined for other frames. */
const updateIn = (load: DocsLoad, data: Buffer): { room: string; step: number; update: Uint8Array } | undefined => {
  const decoder = decoding.createDecoder(new Uint8Array(data.buffer, data.byteOffset, data.length))
  const room = load.plain ? '' : decoding.readVarString(decoder)
  const kind = decoding.readVarUint(decoder)
  if (kind !== frameKinds.sync && kind !== frameKinds.syncReply) return undefined
  const step = decoding.readVarUint(decoder)
  return { room, step, update: decoding.readVarUint8Array(decoder) }
}

const empty = { p50: Number.NaN, p99: Number.NaN, deliveries: 0, missing: 0, bytesMs: [], appliedMs: [] }

/** One client who types. */
const typist = async (load: DocsLoad, room: string, sent: Map<string, number>, times: number[]) => {
  const socket = await openSocket(load, room)
  const doc = new Y.Doc()
  const text = new Y.XmlText()
  const paragraph = new Y.XmlElement('paragraph')
  doc.getXmlFragment('default').insert(0, [paragraph])
  paragraph.insert(0, [text])
  const first = Y.encodeStateAsUpdate(doc)
  const entered = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    const found = updateIn(load, data)
    if (!found) return
    if (found.step === steps.two) return entered.resolve()
    if (found.step !== steps.update) return
    const now = performance.now()
    for (const struct of Y.decodeUpdate(found.update).structs) {
      for (let clock = struct.id.clock; clock < struct.id.clock + struct.length; clock += 1) {
        const begun = sent.get(`${struct.id.client}.${clock}`)
        if (begun !== undefined && struct.id.client !== doc.clientID) times.push(now - begun)
      }
    }
  })
  const send = (update: Uint8Array): void => sync(load, room, socket, steps.update, update)
  enter(load, room, socket)
  await entered.promise
  send(first)
  doc.on('update', send)
  return {
    type: (): void => {
      sent.set(`${doc.clientID}.${Y.getState(doc.store, doc.clientID)}`, performance.now())
      text.insert(text.length, 'x')
    },
    close: () => socket.terminate(),
  }
}

const typeAway = async (load: DocsLoad, started: () => Promise<void>): Promise<DocsTimes> => {
  if (load.work.kind !== 'type') return empty
  const { rooms, clientsPerRoom, perSecond, seconds } = load.work
  const sent = new Map<string, number>()
  const times: number[] = []
  const people: Awaited<ReturnType<typeof typist>>[] = []
  for (const room of rooms) {
    people.push(...(await Promise.all(Array.from({ length: clientsPerRoom }, () => typist(load, room, sent, times)))))
  }
  await started()
  const gap = 1000 / perSecond / people.length
  const begun = performance.now()
  const total = people.length * perSecond * seconds
  for (let made = 0; made < total; made += 1) {
    must(people[made % people.length]).type()
    const early = begun + (made + 1) * gap - performance.now()
    if (early > 1) await pause(early)
  }
  const wanted = total * (clientsPerRoom - 1)
  const deadline = performance.now() + 10_000
  while (times.length < wanted && performance.now() < deadline) await pause(5)
  for (const person of people) person.close()
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)]
  return { ...empty, p50, p99, deliveries: times.length, missing: wanted - times.length }
}

/**
 * Opens documents, the next when one is there, and answers the server's question what it lacks, as every client does.
 * With Hocuspocus' frames fifty of them share a socket.
 */
const openAll = async (load: DocsLoad, started: () => Promise<void>): Promise<DocsTimes> => {
  if (load.work.kind !== 'open') return empty
  await started()
  const bytesMs: number[] = []
  const appliedMs: number[] = []
  let socket: WebSocket | undefined
  for (const [index, room] of load.work.rooms.entries()) {
    if (!socket || load.plain || index % 50 === 0) socket = await openSocket(load, room)
    const arrived = Promise.withResolvers<Uint8Array>()
    const listen = (data: Buffer): void => {
      const found = updateIn(load, data)
      if (found?.step === steps.two && (load.plain || found.room === room)) arrived.resolve(found.update)
    }
    socket.on('message', listen)
    const begun = performance.now()
    enter(load, room, socket)
    const update = await arrived.promise
    socket.off('message', listen)
    bytesMs.push(performance.now() - begun)
    const doc = new Y.Doc()
    if (load.work.apply) {
      Y.applyUpdate(doc, update)
      appliedMs.push(performance.now() - begun)
    }
    // the server knows all that we have now: what is left to say are the deletions
    sync(load, room, socket, steps.two, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc)))
    doc.destroy()
  }
  return { ...empty, bytesMs, appliedMs }
}

process.on('message', message => {
  const { type, value } = message as { type: string; value: DocsLoad }
  if (type === 'finish') process.exit(0)
  if (type !== 'start') return
  // measuring begins when everybody is in; whoever measures has a moment to read the figures of before
  const started = async (): Promise<void> => {
    process.send?.({ type: 'ready' })
    await pause(300)
  }
  const run = value.work.kind === 'type' ? typeAway : openAll
  void run(value, started).then(times => process.send?.({ type: 'result', value: times }))
})
