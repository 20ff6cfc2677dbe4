// Answers for documents that sleep (sleeping-documents.ts), so that opening and leaving one builds nothing: the client's
// question what it lacks, and its answer to ours when that says nothing new. Everything else wakes the document.
import type { Connection, Document, Extension } from '@hocuspocus/server'
import { OutgoingMessage } from '@hocuspocus/server'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { messageYjsSyncStep1, messageYjsSyncStep2 } from 'y-protocols/sync'
import type { Log } from '#server/kernel/log.ts'
import { type Closing, closings } from '../closing.ts'
import { kinds } from '../frames.ts'
import type { SeatContext } from '../seats.ts'
import { type Sleeper, sleeperOf } from '../sleeping-documents.ts'

export interface AsleepOptions {
  /** Told of a document that cannot be woken, and why its sockets are to go. */
  readonly unopened: (name: string, closing: Closing) => void
  readonly log: Log
}

const say = (connection: Connection, step: number, payload: Uint8Array): void => {
  const message = new OutgoingMessage(connection.messageAddress).createSyncMessage()
  encoding.writeVarUint(message.encoder, step)
  encoding.writeVarUint8Array(message.encoder, payload)
  connection.send(message.toUint8Array())
}

/** Is the message behind `decoder` answered now? */
const answered = (connection: Connection, sleeper: Sleeper, decoder: decoding.Decoder): boolean => {
  const step = decoding.readVarUint(decoder)
  const payload = decoding.readVarUint8Array(decoder)
  if (step === messageYjsSyncStep1) {
    say(connection, messageYjsSyncStep2, sleeper.lackedBy(payload))
    say(connection, messageYjsSyncStep1, sleeper.vector)
    return true
  }
  if (step !== messageYjsSyncStep2 || !sleeper.knows(payload)) return false
  connection.send(new OutgoingMessage(connection.messageAddress).writeSyncStatus(true).toUint8Array())
  return true
}

/** See the header. */
export const asleep = ({ unopened, log }: AsleepOptions): Extension<SeatContext> => {
  const wake = (document: Document, sleeper: Sleeper): boolean => {
    try {
      sleeper.wake()
      return true
    } catch (error) {
      log.error('a document could not be built', { error, room: document.name })
      unopened(document.name, closings.failed)
      return false
    }
  }

  return {
    extensionName: 'asleep',
    beforeHandleMessage: async ({ connection, document, update }) => {
      const sleeper = sleeperOf(document)
      if (!sleeper) return
      const decoder = decoding.createDecoder(update)
      decoding.readVarString(decoder)
      const at = decoder.pos
      const kind = decoding.readVarUint(decoder)
      if (kind !== kinds.sync && kind !== kinds.syncReply) return
      if (!answered(connection, sleeper, decoder) && wake(document, sleeper)) return
      // the library reads it next: as a question that it has nobody to answer to
      update[at] = kinds.queryAwareness
    },
  }
}
