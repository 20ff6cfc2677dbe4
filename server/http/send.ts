// Answers that are not JSON text: bytes, and streams that wait for a slow reader.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type Koa from 'koa'

export const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body

/**
 * Writes `body` to an answer whose head is set, waiting whenever the reader is slower. Returns when everything is out
 * or the reader has gone; the iterator is closed in both cases.
 */
export const pump = async (response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<void> => {
  const gone = new AbortController()
  const onClose = () => gone.abort()
  response.once('close', onClose)
  try {
    for await (const chunk of body) {
      // an HTTP/2 answer does not say that it is destroyed
      if (response.destroyed || gone.signal.aborted) break
      if (!response.write(chunk)) await once(response, 'drain', { signal: gone.signal }).catch(() => undefined)
      if (response.destroyed || gone.signal.aborted) break
    }
    if (!response.destroyed && !gone.signal.aborted) response.end()
  } finally {
    response.off('close', onClose)
  }
}

/** Sends `body` under the status and headers that are set on `ctx`. */
export const sendBody = async (ctx: Koa.Context, body: unknown): Promise<void> => {
  if (body === undefined || body === null) {
    // a null body would turn 200 into 204 in Koa
    const { status } = ctx
    ctx.body = ''
    ctx.remove('Content-Type')
    ctx.status = status
  } else if (body instanceof Uint8Array) {
    ctx.body = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  } else if (isStream(body)) {
    ctx.respond = false
    ctx.res.statusCode = ctx.status
    if (ctx.method === 'HEAD') ctx.res.end()
    else await pump(ctx.res, body)
  } else {
    ctx.type = 'application/json'
    ctx.body = typeof body === 'string' ? body : JSON.stringify(body)
  }
}
