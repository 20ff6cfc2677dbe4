// What the command line can do: each command with its help, and the module that does it, loaded when it is called.
import { command, type Command } from './command-line.ts'

// a reader that has seen enough (`| head`) is no failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const application = {
  value: 'ID|NAME',
  required: true,
  help: 'the application; by its id where several have the name',
} as const
const as = {
  value: 'EMAIL',
  help: 'the member in whose name it is done; default: the first owner of the application',
} as const
const allWarnings = { help: 'name every file of every warning, not the first of the most frequent kinds' } as const
const project = {
  value: 'KEY',
  help: 'key of the project, such as PIER; default: documents of the application itself',
} as const

const password = 'It is read from standard input: echo granite-and-tide-9 | npm run skerry -- '
const noServer = 'Works on the database itself, whether a server runs or not.'

/** In the order of the help. */
export const commands: readonly Command[] = [
  command({
    name: 'start',
    takes: '',
    summary: 'run the server (settings come from the environment, see README)',
    more: 'Runs until SIGINT or SIGTERM, then lets running requests finish; a second signal ends it at once.',
    options: {},
    run: async () => (await import('./start.ts')).startCommand(print),
  }),
  command({
    name: 'demo',
    takes: '',
    summary: 'two clients, offline edits, convergence, on a board of real tasks',
    more: 'On a database of its own, which is deleted afterwards. Exit code 1 when any row differs.',
    options: { input: { value: 'FOLDER', help: "a Backlog.md folder; default: Skerry's own roadmap" } },
    run: async (_word, { input }) => {
      const { runDemo } = await import('../../e2e/demo/demo.ts')
      const code = await runDemo({ input, print })
      // the official client keeps a timer of a minute behind a closed stream: nothing is left to wait for
      process.stdout.write('', () => process.exit(code))
    },
  }),
  command({
    name: 'migrate',
    takes: '',
    summary: 'make the database, or bring it up to date',
    more: 'The server does the same when it starts.',
    options: {},
    run: async () => (await import('./database.ts')).migrateCommand(print),
  }),
  command({
    name: 'import backlog-md',
    takes: 'FOLDER',
    summary: 'tasks, docs and decisions of a Backlog.md folder into a project',
    more: 'What an earlier run has imported is skipped. Exit code 1 when a file failed.',
    options: { application, as, 'all-warnings': allWarnings },
    run: async (folder, { 'all-warnings': allWarnings, ...values }) =>
      (await import('./import.ts')).importCommand({ ...values, allWarnings, folder, print }),
  }),
  command({
    name: 'import markdown',
    takes: 'FOLDER',
    summary: 'Markdown files as documents, with their folders and tags',
    more: 'What an earlier run has imported is skipped. Exit code 1 when a file failed.',
    options: {
      application,
      project,
      path: { value: 'A/B', help: 'folder of the library to import into, made where it is missing; default: the top' },
      update: { help: 'rewrite documents of an earlier run whose file has changed since' },
      as,
      'all-warnings': allWarnings,
    },
    run: async (folder, { 'all-warnings': allWarnings, ...values }) =>
      (await import('./markdown.ts')).importMarkdownCommand({ ...values, allWarnings, folder, print }),
  }),
  command({
    name: 'export markdown',
    takes: 'FOLDER',
    summary: 'documents as Markdown files, into a new folder',
    more: 'FOLDER must not exist yet, or be empty.',
    options: {
      application,
      project,
      path: { value: 'A/B', help: 'folder of the library to export; default: all of it' },
      as,
    },
    run: async (folder, values) => (await import('./markdown.ts')).exportMarkdownCommand({ ...values, folder, print }),
  }),
  command({
    name: 'user create',
    takes: 'EMAIL',
    summary: 'an account, with the password from standard input',
    more: `${password}user create EMAIL\nREGISTRATION does not matter here.`,
    options: { name: { value: 'NAME', help: 'the name that others see; default: EMAIL up to the @' } },
    run: async (email, { name }) => (await import('./user.ts')).createUser(email, name, print),
  }),
  command({
    name: 'user set-password',
    takes: 'EMAIL',
    summary: 'a new password, from standard input; ends all sessions and API tokens',
    more: `${password}user set-password EMAIL`,
    options: {},
    run: async email => (await import('./user.ts')).setPassword(email, print),
  }),
  command({
    name: 'user disable',
    takes: 'EMAIL',
    summary: 'no sign-in any more; ends all sessions and API tokens',
    options: {},
    run: async email => (await import('./user.ts')).disableUser(email, print),
  }),
  command({
    name: 'user enable',
    takes: 'EMAIL',
    summary: 'sign-in again, after user disable',
    more: 'The password is the former one; sessions and API tokens have to be made anew.',
    options: {},
    run: async email => (await import('./user.ts')).enableUser(email, print),
  }),
  command({
    name: 'user admin',
    takes: 'EMAIL',
    summary: 'server administrator, or no longer',
    options: { off: { help: 'no longer' } },
    run: async (email, { off }) => (await import('./user.ts')).setAdmin(email, !off, print),
  }),
  command({
    name: 'verify',
    takes: '',
    summary: "recount counters, derive documents' texts, report differences",
    more: `${noServer} Exit code 1 when something differs and is not repaired.`,
    options: { repair: { help: 'put right what differs' } },
    run: async (_word, { repair }) => (await import('./database.ts')).verifyCommand({ repair, print }),
  }),
  command({
    name: 'doctor',
    takes: '',
    summary: 'look at database, replication and disk, with remedies',
    more: `${noServer} Changes nothing. Exit code 1 when something is in the way.`,
    options: {},
    run: async () => (await import('./doctor.ts')).doctorCommand(print),
  }),
]
