// The body of a POST to the shape route: a JSON object of bounded size, or the refusal.
import type { ShapeResponse } from '../upstream.ts'
import { defaults, jsonError } from './protocol.ts'
import { parseExactly } from './subset-params.ts'

/** `body` as an object, null where it is empty; 413 or 400 in the protocol's words otherwise. */
export const parseBody = (body: Uint8Array | undefined): { body: Record<string, unknown> | null } | ShapeResponse => {
  if (body === undefined || body.length === 0) return { body: null }
  if (body.length > defaults.bodyLimit) return jsonError(413, { error: 'Request body too large' })
  let parsed: unknown
  try {
    parsed = parseExactly(Buffer.from(body).toString('utf8'))
  } catch {
    return jsonError(400, { error: 'Invalid JSON in request body', details: 'the body is not valid JSON' })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return jsonError(400, { error: 'Request body must be a JSON object' })
  return { body: parsed as Record<string, unknown> }
}
