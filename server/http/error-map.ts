// Everything that is thrown becomes an answer of the catalogue; what nobody foresaw becomes `internal`, is logged with
// its request id, and tells the caller nothing.
import type Koa from 'koa'
import { ZodError } from 'zod'
import { AppError, invalid } from '#server/kernel/errors.ts'
import type { Log } from '#server/kernel/log.ts'
import { translate } from '#server/kernel/postgres-errors.ts'
import { issuesOf } from '#server/kernel/validation.ts'
import { stateOf } from './context.ts'

// text that Postgres cannot hold or read: NUL characters, a malformed uuid
const unreadable = new Set(['22P02', '22P05', '22021'])

/** The AppError that `error` amounts to. */
export const toAppError = (error: unknown): AppError => {
  const known = translate(error)
  if (known instanceof AppError) return known
  if (error instanceof ZodError) return invalid(issuesOf(error))
  const code = (error as { code?: unknown } | undefined)?.code
  return new AppError(typeof code === 'string' && unreadable.has(code) ? 'bad_request' : 'internal', { cause: error })
}

/** The JSON text of an error answer. */
export const errorBody = (error: AppError, requestId: string): string =>
  JSON.stringify({ error: { ...error.toBody(), request_id: requestId } })

/** Middleware: see the head of the file. */
export const errorMap =
  (log: Log): Koa.Middleware =>
  async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) throw new AppError('not_found')
    } catch (thrown) {
      const error = toAppError(thrown)
      const { requestId } = stateOf(ctx)
      if (error.status >= 500) {
        const about = { request_id: requestId, code: error.code, error: error.cause ?? error }
        if (error.code === 'internal') log.error('request failed', about)
        else log.warn('request could not be answered', about)
      }
      if (ctx.res.headersSent) {
        // the caller must see that the answer is cut off
        ctx.res.destroy()
        return
      }
      ctx.status = error.status
      ctx.remove('Content-Encoding')
      ctx.set('Cache-Control', 'no-store')
      if (error.retryAfter !== undefined) ctx.set('Retry-After', String(error.retryAfter))
      if (error.code === 'unauthenticated') ctx.set('WWW-Authenticate', 'Bearer')
      ctx.type = 'application/json'
      ctx.body = errorBody(error, requestId)
    }
  }
