// A real Electric (or our engine standing alone) as the upstream: forwards over HTTP with the service's secret.
import { AppError } from '#server/kernel/errors.ts'
import { type ElectricAddress, probeElectric } from './electric-probe.ts'
import type { UpstreamHealth, ShapeRequest, ShapeUpstream } from './upstream.ts'

export interface ElectricOptions extends ElectricAddress {
  readonly secret: string
}

// the fetch client has already undone the transfer's encoding, so its length no longer holds
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-encoding', 'content-length'])

const forwardedHeaders = (headers: ShapeRequest['headers']): Record<string, string> => {
  const out: Record<string, string> = {}
  for (const name of ['if-none-match', 'accept', 'content-type']) {
    const value = headers[name]
    if (value !== undefined) out[name] = value
  }
  return out
}

/** An upstream that speaks to `url`. The secret goes into the upstream's URL only; it is never logged. */
export const electricUpstream = ({ url, secret, fetch = globalThis.fetch }: ElectricOptions): ShapeUpstream => {
  const base = url.replace(/\/+$/, '')
  return {
    handle: async request => {
      const target = new URL(`${base}/v1/shape`)
      for (const [name, value] of request.query) target.searchParams.append(name, value)
      target.searchParams.set('secret', secret)
      let answer: Response
      try {
        answer = await fetch(target, {
          method: request.method,
          headers: forwardedHeaders(request.headers),
          ...(request.body && request.body.byteLength > 0 ? { body: Buffer.from(request.body) } : {}),
          signal: request.signal,
          redirect: 'error',
        })
      } catch (error) {
        if (request.signal.aborted) return { status: 499, headers: {}, body: null }
        throw new AppError('unavailable', {
          message: 'The shape service does not answer.',
          retryAfter: 5,
          cause: error,
        })
      }
      const headers: Record<string, string> = {}
      answer.headers.forEach((value, name) => {
        if (!hopByHop.has(name)) headers[name] = value
      })
      return { status: answer.status, headers, body: answer.body }
    },
    health: async (): Promise<UpstreamHealth> => {
      const answer = await probeElectric({ url, fetch }).catch(() => undefined)
      return answer?.state ?? 'starting'
    },
  }
}
