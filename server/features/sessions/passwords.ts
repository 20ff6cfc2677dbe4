// Passwords: argon2id in libuv's pool (never on the loop), and which ones are refused (domain rules, section 5.12).
import { hash, verify } from '@node-rs/argon2'
import { commonPasswordText } from './common-passwords.gen.ts'

// algorithm 2 is argon2id; the const enum of the package cannot be imported when types are stripped
const cost = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

// the same letters typed on another keyboard may arrive decomposed
const plain = (password: string): string => password.normalize('NFC')

/** PHC text of `password`. */
export const hashPassword = (password: string): Promise<string> => hash(plain(password), cost)

let dummy: Promise<string> | undefined

/**
 * Does `password` match? For an account without password, or no account at all, the same work is done for nothing, so
 * that the time of an answer says nothing about whether an address is known.
 */
export const verifyPassword = async (stored: string | null | undefined, password: string): Promise<boolean> => {
  const against = stored ?? (await (dummy ??= hashPassword('no account has this password')))
  const matches = await verify(against, plain(password))
  return matches && typeof stored === 'string'
}

let common: ReadonlySet<string> | undefined

/** Why `password` is refused for the account `email`, or undefined. Length is checked by the schema. */
export const passwordProblem = (password: string, email: string): string | undefined => {
  common ??= new Set(commonPasswordText.split(' '))
  const folded = plain(password).toLowerCase()
  if (common.has(folded)) return 'This password is among the commonest ones.'
  if (email !== '' && folded.includes(email.toLowerCase())) return 'The password must not contain the e-mail address.'
  return undefined
}
