// Everything that is thrown becomes an answer of the catalogue; what nobody foresaw becomes `internal`, is logged with
// its request id, and tells the caller nothing.
import type Koa from 'koa'
import { ZodError } from 'zod'
import { AppError, type ErrorCode, invalid } from '#server/kernel/errors.ts'
import { toIssues } from '#server/kernel/issues.ts'
import type { Log } from '#server/kernel/log.ts'
import { stateOf } from './context.ts'

const byCode: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EPIPE: 'unavailable',
  ENOTFOUND: 'unavailable',
  ETIMEDOUT: 'unavailable',
  ENOENT: 'unavailable', // the unix socket of a database that is down
  '57P01': 'unavailable',
  '57P02': 'unavailable',
  '57P03': 'unavailable',
  '57P05': 'unavailable',
  '57014': 'timeout',
  '55P03': 'timeout',
  '25P03': 'timeout',
  '40001': 'conflict_retry',
  '40P01': 'conflict_retry',
  // text that Postgres cannot hold or read: NUL characters, a malformed uuid
  '22P02': 'bad_request',
  '22P05': 'bad_request',
  '22021': 'bad_request',
}

// pg reports these without a code
const connectionTrouble =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection)/

/** The AppError that `error` amounts to. */
export const toAppError = (error: unknown): AppError => {
  if (error instanceof AppError) return error
  if (error instanceof ZodError) return invalid(...toIssues(error.issues))
  if (!(error instanceof Error)) return new AppError('internal', { cause: error })
  const { code, syscall } = error as { code?: unknown; syscall?: unknown }
  const known = typeof code === 'string' ? byCode[code] : undefined
  // ENOENT is trouble with the database only when it comes from connecting
  if (known && (code !== 'ENOENT' || syscall === 'connect')) return new AppError(known, { cause: error })
  if (typeof code === 'string' && /^(08|53)[0-9A-Z]{3}$/.test(code))
    return new AppError('unavailable', { cause: error })
  if (connectionTrouble.test(error.message)) return new AppError('unavailable', { cause: error })
  return new AppError('internal', { cause: error })
}

/** The JSON text of an error answer. */
export const errorBody = (error: AppError, requestId: string): string =>
  JSON.stringify({ error: { ...error.toBody(), request_id: requestId } })

/** A stored rejection that is answered again carries this mark. */
const isReplay = (error: AppError): boolean => (error as { replayed?: unknown }).replayed === true

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
      if (isReplay(error)) ctx.set('Idempotency-Replayed', 'true')
      ctx.type = 'application/json'
      ctx.body = errorBody(error, requestId)
    }
  }
