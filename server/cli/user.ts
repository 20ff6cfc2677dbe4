// skerry user …: accounts from the command line.
import { text } from 'node:stream/consumers'
import { accountTools } from '../features/sessions/index.ts'
import { withDatabase } from './session.ts'

const readPassword = async (): Promise<string> => {
  if (process.stdin.isTTY) process.stderr.write('Password, then Ctrl-D: ')
  return (await text(process.stdin)).replace(/\r?\n$/, '')
}

/** Runs one action; throws AppError for unknown addresses and refused passwords. */
export const userCommand = async (options: {
  readonly action: string
  readonly email: string
  readonly name: string | undefined
  readonly off: boolean
  readonly print: (text: string) => void
}): Promise<void> => {
  const { action, email, print } = options
  const password = action === 'create' || action === 'set-password' ? await readPassword() : ''
  await withDatabase(async ({ database, app }) => {
    const tools = accountTools(app.write, app.sessions)
    switch (action) {
      case 'create': {
        const name = options.name === undefined ? {} : { display_name: options.name }
        const { id } = await tools.createUser({ email, password, ...name })
        return print(`Created ${email} (${id}).`)
      }
      case 'set-password': {
        const { endedSessions } = await tools.setPassword(email, password)
        return print(`The password of ${email} is set; ${endedSessions} sessions ended.`)
      }
      case 'disable': {
        const { endedSessions } = await tools.disableUser(email)
        return print(`${email} is disabled; ${endedSessions} sessions ended.`)
      }
      case 'admin': {
        const changed = await database.writes
          .updateTable('users')
          .set({ is_admin: !options.off })
          .where('email', '=', email.trim().toLowerCase())
          .executeTakeFirst()
        if (changed.numUpdatedRows === 0n) throw new Error(`There is no account ${email}.`)
        return print(`${email} is ${options.off ? 'no longer' : 'now'} a server administrator.`)
      }
      default:
        throw new Error(`There is no action ${action}: create, set-password, disable or admin.`)
    }
  })
}
