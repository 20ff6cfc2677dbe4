// Why a socket is closed. Codes 4400–4499 tell y-websocket clients to stay away; after others they come back.

export interface Closing {
  readonly code: number
  readonly reason: string
}

export const closings = {
  badMessage: { code: 4400, reason: 'The message cannot be read.' },
  sessionEnded: { code: 4401, reason: 'The session has ended.' },
  accessLost: { code: 4403, reason: 'No access to the document.' },
  scopeMissing: { code: 4403, reason: 'The API token needs the scope collab.' },
  documentGone: { code: 4404, reason: 'The document is gone.' },
  tooDeep: { code: 4422, reason: 'The content nests too deep.' },
  stopping: { code: 1001, reason: 'The server stops.' },
  failed: { code: 1011, reason: 'The server cannot answer now.' },
  tooMuch: { code: 1013, reason: 'Too much; try again later.' },
} as const satisfies Record<string, Closing>

/** What the client hears when it may not enter a room; part of the protocol's `authenticationFailed`. */
export const refusals = {
  unauthenticated: closings.sessionEnded,
  scope_missing: closings.scopeMissing,
  not_found: closings.accessLost,
  limit_reached: closings.tooMuch,
  unavailable: closings.failed,
} as const satisfies Record<string, Closing>

export type RefusalReason = keyof typeof refusals

/** How a y-websocket client hears of a refusal; its protocol has no word for that. */
export const closingOf = (reason: string): Closing => refusals[reason as RefusalReason] ?? closings.failed

/** Thrown by hooks. Without a message: the library would print it, and clients are refused every day. */
export class Refusal extends Error {
  readonly reason: RefusalReason

  constructor(reason: RefusalReason) {
    super('')
    this.name = 'Refusal'
    this.reason = reason
  }
}
