// The texts of tokens: a prefix that says what it is, and 256 random bits, of which the tables hold SHA-256 only.
import { createHash, randomBytes } from 'node:crypto'

export const apiTokenPrefix = 'skp_'
export const collabTokenPrefix = 'skc_'

export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

export const newSecret = (prefix: string): string => prefix + randomBytes(32).toString('base64url')

/** Characters of an API token that stay readable, so that a person can tell his tokens apart. */
export const shownLength = 8
