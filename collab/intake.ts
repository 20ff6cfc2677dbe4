// A client that sends faster than its messages are logged must not fill our memory: nothing more is read from its socket
// while too much of it waits. What waits before a room is entered is the library's to bound.

/** Bytes of one socket's messages that may wait to be processed; then no more is read until some are. */
const maxWaitingBytes = 4 * 1024 * 1024

export interface Intake {
  /** A message on its way to a room that has been entered. */
  taken(message: Uint8Array): void
  /** The same message, once it is processed. */
  done(message: Uint8Array): void
  /** Is reading suspended? */
  readonly paused: boolean
}

/** The intake of one socket. */
export const createIntake = (socket: { pause(): void; resume(): void }): Intake => {
  const messages = new Set<Uint8Array>()
  let bytes = 0
  let paused = false
  return {
    taken: message => {
      messages.add(message)
      bytes += message.byteLength
      if (paused || bytes <= maxWaitingBytes) return
      paused = true
      socket.pause()
    },
    done: message => {
      if (!messages.delete(message)) return
      bytes -= message.byteLength
      if (!paused || bytes > maxWaitingBytes) return
      paused = false
      socket.resume()
    },
    get paused() {
      return paused
    },
  }
}
