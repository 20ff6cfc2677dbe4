// The real clients of both protocols, as one thing: a replica that connects, leaves, and says what it knows.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import type { Awareness } from 'y-protocols/awareness'
import { messageYjsSyncStep1 } from 'y-protocols/sync'
import { contentField } from '#server/content/yjs-content.ts'

export interface Replica {
  readonly kind: 'hocuspocus' | 'y-websocket'
  readonly doc: Y.Doc
  /** Undefined for a mute one. */
  readonly awareness: Awareness | undefined
  synced(): boolean
  /**
   * As the client's library counts: nothing waits for an acknowledgement. After a reconnection it may say so too early:
   * `promised` is exact. y-websocket has none: then always true.
   */
  acknowledged(): boolean
  /** Every update that the server acknowledged, in the order of the acknowledgements. */
  readonly promised: Uint8Array[]
  /** Close codes of its sockets, in order. */
  readonly closes: number[]
  /** Reasons for which it was refused. */
  readonly refusals: string[]
  /** Payloads of stateless messages. */
  readonly stateless: string[]
  /** `readonly` or `read-write`, as last told. */
  scope(): string | undefined
  goOffline(): void
  goOnline(): void
  destroy(): void
}

export interface ReplicaOptions {
  /** `http://host:port` of the server; asked again at every attempt. */
  readonly url: () => string
  readonly room: string
  readonly token: string
  readonly doc?: Y.Doc
  /** No awareness at all; Hocuspocus' client only. */
  readonly mute?: boolean
}

const wsUrl = (url: string): string => `${url.replace(/^http/, 'ws')}/collab`

/** A `WebSocket` class whose address is looked up when it connects: servers come back on other ports. */
const movingSocket = (url: () => string, rest: string, closes: number[]) =>
  class extends WebSocket {
    constructor(_address: string, protocols?: string[]) {
      super(wsUrl(url()) + rest, protocols)
      this.on('close', code => closes.push(code))
      this.on('error', () => {})
    }
  }

const frames = { sync: 0, syncReply: 4, syncStatus: 8 } as const

/** Pairs each update that goes out over one socket with its answer; the server answers in order. */
const acknowledgements = (promised: Uint8Array[]) => {
  const sent: Uint8Array[] = []
  return {
    out: (frame: Uint8Array): void => {
      const decoder = decoding.createDecoder(frame)
      decoding.readVarString(decoder)
      const kind = decoding.readVarUint(decoder)
      if (kind !== frames.sync && kind !== frames.syncReply) return
      if (decoding.readVarUint(decoder) !== messageYjsSyncStep1) sent.push(decoding.readVarUint8Array(decoder).slice())
    },
    in: (frame: Uint8Array): void => {
      const decoder = decoding.createDecoder(frame)
      decoding.readVarString(decoder)
      if (decoding.readVarUint(decoder) !== frames.syncStatus) return
      const update = sent.shift()
      if (update && decoding.readVarUint(decoder) === 1) promised.push(update)
    },
  }
}

/** A client of Hocuspocus' protocol. */
export const hocuspocusReplica = (options: ReplicaOptions): Replica => {
  const { url, room, token, doc = new Y.Doc() } = options
  const closes: number[] = []
  const refusals: string[] = []
  const stateless: string[] = []
  const promised: Uint8Array[] = []
  const Moving = movingSocket(url, '', closes)
  class Noting extends Moving {
    readonly #acks = acknowledgements(promised)

    constructor(address: string, protocols?: string[]) {
      super(address, protocols)
      this.on('message', data => this.#acks.in(new Uint8Array(data as Buffer)))
    }

    override send(data: Uint8Array): void {
      this.#acks.out(data)
      super.send(data)
    }
  }
  let scope: string | undefined
  const websocketProvider = new HocuspocusProviderWebsocket({
    url: wsUrl(url()),
    WebSocketPolyfill: Noting,
    delay: 20,
    minDelay: 10,
    maxDelay: 200,
  })
  const provider = new HocuspocusProvider({
    websocketProvider,
    name: room,
    document: doc,
    token,
    ...(options.mute ? { awareness: null } : {}),
    onAuthenticated: event => {
      scope = event.scope
    },
    onAuthenticationFailed: ({ reason }) => void refusals.push(reason),
    onStateless: ({ payload }) => void stateless.push(payload),
  })
  provider.attach()
  const { awareness } = provider
  return {
    kind: 'hocuspocus',
    doc,
    awareness: awareness ?? undefined,
    promised,
    closes,
    refusals,
    stateless,
    synced: () => provider.isSynced,
    acknowledged: () => provider.isSynced && !provider.hasUnsyncedChanges,
    scope: () => scope,
    goOffline: () => websocketProvider.disconnect(),
    goOnline: () => {
      // while the old socket is still closing, connect() alone does nothing, and nothing ever again
      websocketProvider.shouldConnect = true
      void websocketProvider.connect()
    },
    destroy: () => {
      provider.destroy()
      websocketProvider.destroy()
    },
  }
}

/** A client of y-websocket's protocol. */
export const yWebsocketReplica = (options: ReplicaOptions): Replica => {
  const { url, room, token, doc = new Y.Doc() } = options
  const closes: number[] = []
  const provider = new WebsocketProvider(wsUrl(url()), room, doc, {
    protocols: ['skerry', ...(token === '' ? [] : [token])],
    WebSocketPolyfill: movingSocket(url, `/${room}`, closes) as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: 200,
  })
  return {
    kind: 'y-websocket',
    doc,
    awareness: provider.awareness,
    promised: [],
    closes,
    refusals: [],
    stateless: [],
    synced: () => provider.synced,
    acknowledged: () => true,
    scope: () => undefined,
    goOffline: () => provider.disconnect(),
    goOnline: () => provider.connect(),
    destroy: () => provider.destroy(),
  }
}

/** One of each, for tests that must hold over both. */
export const transports = { hocuspocus: hocuspocusReplica, 'y-websocket': yWebsocketReplica } as const

/** Adds a paragraph with `text`. */
export const type = (doc: Y.Doc, text: string, at?: number): void => {
  const fragment = doc.getXmlFragment(contentField)
  doc.transact(() => {
    const paragraph = new Y.XmlElement('paragraph')
    paragraph.insert(0, [new Y.XmlText(text)])
    fragment.insert(Math.min(at ?? fragment.length, fragment.length), [paragraph])
  })
}

/** A document of quotations in quotations, so many levels deep. */
export const nested = (levels: number): Y.Doc => {
  const doc = new Y.Doc({ gc: false })
  let at: Y.XmlFragment = doc.getXmlFragment(contentField)
  doc.transact(() => {
    for (let level = 0; level < levels; level += 1) {
      const inner = new Y.XmlElement('blockquote')
      at.insert(0, [inner])
      at = inner
    }
  })
  return doc
}

/** The deletion of all that is in it: Yjs deletes what lies in the root by recursion. */
export const removalOf = ({ clientID }: Y.Doc): Uint8Array =>
  encoding.encode(encoder => {
    for (const value of [0, 1, clientID, 1, 0, 1]) encoding.writeVarUint(encoder, value)
  })

/** The texts of all paragraphs. */
export const textsOf = (doc: Y.Doc): string[] =>
  doc
    .getXmlFragment(contentField)
    .toArray()
    .flatMap(node => (node instanceof Y.XmlElement ? [node.toArray()] : []))
    .map(children => children.map(child => (child instanceof Y.XmlText ? child.toJSON() : '')).join(''))
