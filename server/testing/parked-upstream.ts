// An upstream whose answers wait until their request is given up: what a live request without news looks like to the gate.
import type { ShapeUpstream } from '#sync/upstream.ts'

export interface ParkedUpstream {
  readonly upstream: ShapeUpstream
  /** Requests that came so far. */
  readonly parked: () => number
}

/** Makes one; see the header. */
export const parkedUpstream = (): ParkedUpstream => {
  let parked = 0
  return {
    parked: () => parked,
    upstream: {
      handle: async ({ signal }) => {
        parked += 1
        await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
        return { status: 200, headers: {}, body: Buffer.from('[]') }
      },
      health: async () => 'active',
    },
  }
}
