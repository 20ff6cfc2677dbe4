// What stands behind the gate: something that answers Electric's shape protocol. The built-in engine and a real
// Electric (electric-upstream.ts) are the two implementations.

/** One shape request, already resolved to the shape route. */
export interface ShapeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE' | 'OPTIONS'
  /** Decoded query parameters, in order, duplicates kept. */
  readonly query: URLSearchParams
  /** Lower-case header names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The raw body of a POST; absent or empty otherwise. */
  readonly body?: Uint8Array
  /** Fires when the client went away or its right ended: parked requests must end, streams must stop. */
  readonly signal: AbortSignal
}

/**
 * A way past the iteration, for streams that mostly wait: whoever sends one may set `write`, and what comes while the
 * iterator is waited for then goes there. False: the reader is full; the next piece that is iterated is empty, and the
 * one after it has to wait until there is room.
 */
export interface DirectWrites {
  write: ((piece: Uint8Array) => boolean) | undefined
  /** Called when the iteration ends, however it does. */
  ended: (() => void) | undefined
}

/** The answer; `body` is bytes, a stream of pieces, or null for none. */
export interface ShapeResponse {
  readonly status: number
  /** Lower-case header names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null
  readonly direct?: DirectWrites
  /** Several readers get this very object: what is derived from it may be kept with it. */
  readonly shared?: true
}

export type UpstreamHealth = 'starting' | 'waiting' | 'active'

export interface ShapeUpstream {
  /** Every refusal of the request is a response of the protocol; rejects with AppError when the service is away. */
  handle(request: ShapeRequest): Promise<ShapeResponse>
  health(): Promise<UpstreamHealth>
  /** What keeps it from going on although it answers, in words for its operator; undefined when nothing does. */
  problem?(): string | undefined
}
