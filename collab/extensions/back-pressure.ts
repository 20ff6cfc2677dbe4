// Tells a socket's intake which of its messages are processed.
import type { Extension } from '@hocuspocus/server'
import type { SeatContext } from '../seats.ts'

/** See the header. */
export const backPressure = (): Extension<SeatContext> => ({
  extensionName: 'back-pressure',
  afterHandleMessage: async ({ context, update }) => context.socket.intake.done(update),
})
