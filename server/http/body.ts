// Reading bodies with a limit in bytes and a deadline. Nothing is buffered beyond the limit.
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { AppError } from '#server/kernel/errors.ts'

/** JSON and forms, unless a route says otherwise. */
export const defaultBodyLimit = 2 * 1024 * 1024

const deadlineMs = 60_000

const tooLarge = (limit: number) => new AppError('body_too_large', { details: { limit } })

/** A request that may have a body: it declares a length, is chunked, or is an HTTP/2 stream that goes on. */
export const hasBody = (request: IncomingMessage): boolean => {
  if ('stream' in request) return !(request as unknown as Http2ServerRequest).stream.endAfterHeaders
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/** The body piece by piece; throws `body_too_large` as soon as it is known to be longer than `limit`. */
export async function* streamBody(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  if (request.headers['content-encoding'] !== undefined && request.headers['content-encoding'] !== 'identity') {
    throw new AppError('unsupported_media_type', { message: 'Compressed bodies are not supported.' })
  }
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  let length = 0
  // leaving this loop destroys the request, but node spares its socket, which still carries the 413
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) throw tooLarge(limit)
    yield chunk
  }
}

/** The whole body, at most `limit` bytes, within a minute. */
export const readBody = async (request: IncomingMessage, limit: number): Promise<Buffer> => {
  if (!hasBody(request)) return Buffer.alloc(0)
  const timer = setTimeout(() => request.destroy(new AppError('timeout')), deadlineMs)
  try {
    const chunks: Uint8Array[] = []
    for await (const chunk of streamBody(request, limit)) chunks.push(chunk)
    return Buffer.concat(chunks)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ECONNRESET') {
      throw new AppError('bad_request', { message: 'The body ended too early.', cause: error })
    }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const mediaType = (request: IncomingMessage): string =>
  (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''

const text = (bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('invalid_json', { message: 'The body is not valid UTF-8.', cause })
  }
}

const jsonWanted = 'Send JSON with Content-Type: application/json.'

const fieldName = /^\w{1,64}$/

const formOf = (source: string): Record<string, string> => {
  const fields = [...new URLSearchParams(source)]
  // curl calls whatever it sends a form; read as one, JSON is a single field whose name holds everything, passwords too
  if (!fields.every(([name]) => fieldName.test(name))) {
    throw new AppError('unsupported_media_type', { message: jsonWanted })
  }
  return Object.fromEntries(fields)
}

/** Parses `bytes` as the content type says. An empty body is undefined whatever its type. */
export const parseBody = (request: IncomingMessage, bytes: Buffer, form: boolean): unknown => {
  if (bytes.length === 0) return undefined
  const type = mediaType(request)
  if (form && type === 'application/x-www-form-urlencoded') return formOf(text(bytes))
  if (type !== 'application/json' && !/^application\/[a-z0-9.-]+\+json$/.test(type)) {
    throw new AppError('unsupported_media_type', {
      message: form ? 'Send JSON with Content-Type: application/json, or a form.' : jsonWanted,
    })
  }
  const source = text(bytes)
  try {
    return JSON.parse(source)
  } catch (cause) {
    throw new AppError('invalid_json', { cause })
  }
}
