// What a client's frame is, looked at before the library does: that prints what it cannot read, and leaves the client
// connected and deaf. Whether an update says anything sound is asked later, when it is known whether it may be written.
import * as decoding from 'lib0/decoding'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'

export interface Frame {
  /** As the client writes it; answers begin with the same. */
  readonly address: string
  readonly room: string
  readonly kind: number
}

/** Kinds of messages that clients send; those between servers are not among them. */
export const kinds = {
  sync: 0,
  awareness: 1,
  auth: 2,
  queryAwareness: 3,
  syncReply: 4,
  stateless: 5,
  close: 7,
} as const
const authToken = 0

/** Characters of a room's name and, behind a NUL, of the client's own name for its connection. */
const maxAddress = 256

const readSync = (decoder: decoding.Decoder): void => {
  const step = decoding.readVarUint(decoder)
  const payload = decoding.readVarUint8Array(decoder)
  if (step === messageYjsSyncStep1) Y.decodeStateVector(payload)
  else if (step === messageYjsSyncStep2) Y.decodeUpdate(payload)
  else if (step !== messageYjsUpdate) throw new Error('no such step')
}

const readAwareness = (frame: decoding.Decoder): void => {
  const decoder = decoding.createDecoder(decoding.readVarUint8Array(frame))
  for (let left = decoding.readVarUint(decoder); left > 0; left -= 1) {
    decoding.readVarUint(decoder)
    decoding.readVarUint(decoder)
    JSON.parse(decoding.readVarString(decoder))
  }
}

const readAuth = (decoder: decoding.Decoder): void => {
  if (decoding.readVarUint(decoder) !== authToken) throw new Error('no token')
  decoding.readVarString(decoder)
}

const bodies: Readonly<Record<number, (decoder: decoding.Decoder) => unknown>> = {
  [kinds.sync]: readSync,
  [kinds.syncReply]: readSync,
  [kinds.awareness]: readAwareness,
  [kinds.auth]: readAuth,
  [kinds.queryAwareness]: () => {},
  [kinds.stateless]: decoding.readVarString,
  [kinds.close]: () => {},
}

/** Whose and what; undefined for bytes that no client sends. */
export const readFrame = (bytes: Uint8Array): Frame | undefined => {
  try {
    const decoder = decoding.createDecoder(bytes)
    const address = decoding.readVarString(decoder)
    const kind = decoding.readVarUint(decoder)
    const body = bodies[kind]
    if (address.length > maxAddress || !body) return undefined
    body(decoder)
    return { address, room: address.split('\0', 1)[0] ?? '', kind }
  } catch {
    return undefined
  }
}
