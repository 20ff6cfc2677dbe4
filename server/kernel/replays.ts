// Whose stored answer is whose. A token that is limited to applications is given none that somebody was given who reaches
// further: it may hold rows of any application.
import { createHash } from 'node:crypto'
import type { SignedIn } from './actor.ts'
import { limitedTo } from './scopes.ts'

/** What is stored beside an answer: the digest of its request, and of what the caller's token is limited to. */
export const boundTo = (actor: SignedIn, requestHash: string): string => {
  const limit = limitedTo(actor)
  if (limit === undefined) return requestHash
  return `${requestHash}/${createHash('sha256').update(limit.toSorted().join()).digest('hex')}`
}

/** Is `hash` (of `boundTo`) the request whose answer is stored under `stored`? Without a limit, whatever that one's was. */
export const isReplayOf = (stored: string, hash: string): boolean => stored === hash || stored.startsWith(`${hash}/`)
