#!/usr/bin/env -S node --max-semi-space-size=4
// The command line: skerry start | demo | migrate | import | export | user | verify | doctor. Parses, calls, prints; the work is elsewhere.
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { ConfigError, loadConfig } from '#server/kernel/config.ts'
import { AppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'
import { issuesIn } from '#server/kernel/validation.ts'

const usage = `skerry, a local-first sync backend

  skerry start                                  run the server (settings come from the environment, see README)
  skerry demo [--input FOLDER]                  two clients, offline edits, convergence, on a board of real tasks
  skerry migrate                                bring the database up to date
  skerry import backlog-md FOLDER --application ID|NAME [--as EMAIL] [--all-warnings]
                                                tasks, docs and decisions of a Backlog.md folder into a project
  skerry import markdown FOLDER --application ID|NAME [--project KEY] [--path A/B] [--update] [--as EMAIL]
                                [--all-warnings]
                                                Markdown files as documents, with their folders and tags
  skerry export markdown FOLDER --application ID|NAME [--project KEY] [--path A/B] [--as EMAIL]
                                                documents as Markdown files, into a new folder
  skerry user create EMAIL [--name NAME]        an account; the password is read from standard input
  skerry user set-password EMAIL                a new password, from standard input; ends all sessions
  skerry user disable EMAIL                     no sign-in any more; ends all sessions
  skerry user admin EMAIL [--off]               server administrator, or no longer
  skerry verify [--repair]                      recount counters, derive documents' texts, report differences
  skerry doctor                                 look at database, replication and disk, with remedies
`

class UsageError extends Error {}

const parse = <Options extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: Options) => {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

// a reader that has seen enough (`| head`) is no failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const start = async (): Promise<void> => {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel)
  const { startSkerry } = await import('./main.ts')
  const skerry = await startSkerry(config, log)
  const external = config.publicUrl === skerry.url ? '' : `  (public: ${config.publicUrl})`
  print(`Skerry is ready.${external}`)
  print(`  API         ${skerry.url}/api/docs`)
  print(`  OpenAPI     ${skerry.url}/api/openapi.json`)
  print(`  Shapes      ${skerry.url}/api/shapes`)
  print(`  Health      ${skerry.url}/ready`)
  print(`  Data        ${config.databaseUrl === 'embedded' ? config.dataDir : 'DATABASE_URL'}`)
  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130)
    stopping = true
    log.info('stopping', { signal })
    void skerry.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('the stop failed', { error })
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

const run = async (args: string[]): Promise<void> => {
  const [command, ...rest] = args
  // also behind a command, which must not begin to work then
  if (args.some(arg => arg === '--help' || arg === '-h')) return print(usage)
  switch (command) {
    case 'start':
      return start()
    case 'demo': {
      const { values } = parse(rest, { input: { type: 'string' } })
      const { runDemo } = await import('../e2e/demo/demo.ts')
      const code = await runDemo({ input: values.input, print })
      // the official client keeps a timer of a minute behind a closed stream: nothing is left to wait for
      process.stdout.write('', () => process.exit(code))
      return
    }
    case 'migrate': {
      const { migrateCommand } = await import('./cli/database.ts')
      return migrateCommand(print)
    }
    case 'verify': {
      const { values } = parse(rest, { repair: { type: 'boolean' } })
      const { verifyCommand } = await import('./cli/database.ts')
      process.exitCode = await verifyCommand({ repair: values.repair ?? false, print })
      return
    }
    case 'doctor': {
      const { doctorCommand } = await import('./cli/doctor.ts')
      process.exitCode = await doctorCommand(print)
      return
    }
    case 'import':
    case 'export': {
      const text = { type: 'string' } as const
      const { values, positionals } = parse(rest, {
        application: text,
        project: text,
        path: text,
        as: text,
        update: { type: 'boolean' },
        'all-warnings': { type: 'boolean' },
      })
      const [format, folder] = positionals
      const formats = command === 'import' ? ['backlog-md', 'markdown'] : ['markdown']
      if (format === undefined || !formats.includes(format)) {
        throw new UsageError(`The ${command} knows ${formats.join(' and ')}.`)
      }
      if (folder === undefined) throw new UsageError(`Name the folder to ${command}.`)
      const { application, as, project, path, update, 'all-warnings': allWarnings = false } = values
      if (application === undefined) throw new UsageError('Name the application with --application.')
      if (format === 'markdown') {
        const { exportMarkdownCommand, importMarkdownCommand } = await import('./cli/markdown.ts')
        const options = { folder, application, as, project, path, print }
        process.exitCode =
          command === 'export'
            ? await exportMarkdownCommand(options)
            : await importMarkdownCommand({ ...options, update: update ?? false, allWarnings })
        return
      }
      const { importCommand } = await import('./cli/import.ts')
      process.exitCode = await importCommand({ folder, application, as, allWarnings, print })
      return
    }
    case 'user': {
      const { values, positionals } = parse(rest, { name: { type: 'string' }, off: { type: 'boolean' } })
      const [action, email] = positionals
      if (action === undefined || email === undefined) throw new UsageError('Name an action and an e-mail address.')
      const { userCommand } = await import('./cli/user.ts')
      return userCommand({ action, email, name: values.name, off: values.off ?? false, print })
    }
    case undefined:
    case 'help':
      return print(usage)
    default:
      throw new UsageError(`There is no command ${command}.`)
  }
}

const explain = (error: unknown): string => {
  if (error instanceof UsageError) return `${error.message}\n\n${usage}`
  if (error instanceof ConfigError) return error.message
  if (error instanceof AppError) {
    const issues = issuesIn(error).map(issue => `\n  ${issue.path}: ${issue.message}`)
    return `${error.code}: ${error.message}${issues.join('')}`
  }
  return error instanceof Error ? error.message : 'unknown error'
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
