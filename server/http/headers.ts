// Headers that every answer carries, and CORS for the listed origins. Cookies work across origins, so the list is
// explicit and never `*`.
import type Koa from 'koa'
import { stateOf } from './context.ts'

const exposed = [
  'X-Request-Id',
  'Skerry-Time',
  'Retry-After',
  'Idempotency-Replayed',
  'ETag',
  'electric-handle',
  'electric-offset',
  'electric-schema',
  'electric-cursor',
  'electric-up-to-date',
].join(', ')

const accepted = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Skerry-Client',
  'Skerry-Edited-At',
].join(', ')

/** `origins`: who may read answers from a browser. `https`: also tell browsers to stay on https. */
export const responseHeaders =
  ({ origins, https }: { origins: readonly string[]; https: boolean }): Koa.Middleware =>
  async (ctx, next) => {
    ctx.set({
      'Skerry-Time': String(stateOf(ctx).now.getTime()),
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'same-origin',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      Vary: 'Origin',
    })
    if (https) ctx.set('Strict-Transport-Security', 'max-age=31536000')
    const origin = ctx.get('Origin')
    if (origin !== '' && origins.includes(origin)) {
      ctx.set({
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Expose-Headers': exposed,
      })
    }
    if (ctx.method === 'OPTIONS' && ctx.get('Access-Control-Request-Method') !== '') {
      ctx.set({
        'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
        'Access-Control-Allow-Headers': accepted,
        'Access-Control-Max-Age': '600',
      })
      ctx.status = 204
      return
    }
    await next()
  }
