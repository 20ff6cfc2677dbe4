// States of presence as no well-behaved client sends them.
import * as encoding from 'lib0/encoding'
import type { Replica } from './clients.ts'
import type { RawSocket } from './memory-clients.ts'

const messageAwareness = 1

/** JSON of states by client id, as one message of a plain y-websocket client. */
export const sendTexts = (
  { socket }: RawSocket,
  texts: readonly (readonly [string, string])[],
  clock: number,
): void => {
  const update = encoding.createEncoder()
  encoding.writeVarUint(update, texts.length)
  for (const [id, json] of texts) {
    encoding.writeVarUint(update, Number(id))
    encoding.writeVarUint(update, clock)
    encoding.writeVarString(update, json)
  }
  const frame = encoding.createEncoder()
  encoding.writeVarUint(frame, messageAwareness)
  encoding.writeVarUint8Array(frame, encoding.toUint8Array(update))
  socket.send(encoding.toUint8Array(frame))
}

/** States by client id, as one message. */
export const send = (to: RawSocket, states: Readonly<Record<number, unknown>>, clock = 1): void => {
  const texts = Object.entries(states).map(([id, state]) => [id, JSON.stringify(state)] as const)
  sendTexts(to, texts, clock)
}

/** Client ids whose states a replica has, without its own. */
export const seenBy = (replica: Replica): number[] =>
  [...(replica.awareness?.getStates().keys() ?? [])].filter(id => id !== replica.doc.clientID).toSorted((a, b) => a - b)
