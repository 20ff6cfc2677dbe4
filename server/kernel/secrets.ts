// Secrets that people are given once (sessions, API tokens, invitations): 256 random bits. The database holds SHA-256, which
// is enough for so many bits and cheap enough for every request.
import { createHash, randomBytes } from 'node:crypto'

/** A new secret behind a prefix that says what it is; base64url. */
export const newSecret = (prefix = ''): string => prefix + randomBytes(32).toString('base64url')

/** What is stored of a secret; 64 hex digits. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
