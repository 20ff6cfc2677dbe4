// skerry user …: accounts from the command line.
import { text } from 'node:stream/consumers'
import { type AccountTools, accountTools } from '../features/sessions/index.ts'
import { AppError } from '#server/kernel/errors.ts'
import { withDatabase } from './session.ts'

type Print = (text: string) => void

const readPassword = async (): Promise<string> => {
  if (process.stdin.isTTY) process.stderr.write('Password, then Ctrl-D: ')
  return (await text(process.stdin)).replace(/\r?\n$/, '')
}

const withAccount = <T>(email: string, work: (tools: AccountTools) => Promise<T>): Promise<T> =>
  withDatabase(async ({ app, place }) => {
    try {
      return await work(accountTools(app.write, app.sessions))
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'not_found') throw error
      throw new Error(`There is no account ${email} in ${place}.`, { cause: error })
    }
  })

/** Throws AppError for a refused address, name or password. */
export const createUser = async (email: string, name: string | undefined, print: Print): Promise<void> => {
  const password = await readPassword()
  const input = { email, password, ...(name === undefined ? {} : { display_name: name }) }
  const { id } = await withAccount(email, tools => tools.createUser(input))
  print(`Created ${email} (${id}).`)
}

/** Throws AppError for a refused password. */
export const setPassword = async (email: string, print: Print): Promise<void> => {
  const password = await readPassword()
  const { endedSessions } = await withAccount(email, tools => tools.setPassword(email, password))
  print(`The password of ${email} is set; ${endedSessions} sessions ended.`)
}

export const disableUser = async (email: string, print: Print): Promise<void> => {
  const { endedSessions } = await withAccount(email, tools => tools.disableUser(email))
  print(`${email} is disabled; ${endedSessions} sessions ended.`)
}

export const enableUser = async (email: string, print: Print): Promise<void> => {
  await withAccount(email, tools => tools.enableUser(email))
  print(`${email} may sign in.`)
}

export const setAdmin = async (email: string, isAdmin: boolean, print: Print): Promise<void> => {
  await withAccount(email, tools => tools.setAdmin(email, isAdmin))
  print(`${email} is ${isAdmin ? 'now' : 'no longer'} a server administrator.`)
}
