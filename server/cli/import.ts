// skerry import backlog-md: finds application and importer, shows progress, prints the report.
import { commandMap } from '../features.ts'
import { importBacklogMd, type ImportReport } from '../features/transfers/index.ts'
import { progressBar } from './progress.ts'
import { type CommandSession, withDatabase } from './session.ts'

interface Target {
  readonly applicationId: string
  readonly applicationName: string
  readonly userId: string
}

const findTarget = async ({ database }: CommandSession, application: string, as: string | undefined): Promise<Target> =>
  database.read(async reader => {
    const isId = /^[0-9a-f-]{36}$/i.test(application)
    const found = await reader
      .selectFrom('applications')
      .select(['id', 'name'])
      .where(isId ? 'id' : 'name', '=', application)
      .execute()
    const [row, second] = found
    if (!row) throw new Error(`There is no application ${JSON.stringify(application)}.`)
    if (second) throw new Error(`Several applications are called ${JSON.stringify(application)}; name one by its id.`)
    let people = reader
      .selectFrom('application_members as m')
      .innerJoin('users as u', 'u.id', 'm.user_id')
      .select('u.id')
      .where('m.application_id', '=', row.id)
      .orderBy('m.created_at')
    people =
      as === undefined ? people.where('m.role', '=', 'owner') : people.where('u.email', '=', as.trim().toLowerCase())
    const person = await people.executeTakeFirst()
    if (!person) throw new Error(`${as ?? 'An owner'} is no member of ${row.name}.`)
    return { applicationId: row.id, applicationName: row.name, userId: person.id }
  })

const shown = 20

/** Warnings that say the same, the most frequent first: what concerns most of the import must not be cut off. */
export const warningKinds = (report: ImportReport): { readonly message: string; readonly files: readonly string[] }[] =>
  [...Map.groupBy(report.warnings, warning => warning.message)]
    .map(([message, list]) => ({ message, files: list.map(({ file }) => file) }))
    .toSorted((a, b) => b.files.length - a.files.length)

/** The report as lines for a person. */
export const reportLines = (report: ImportReport): string[] => {
  const { docs, decisions } = report.notImported
  const lines = [
    `Project ${report.projectKey}: ${report.created} tasks created, ${report.skipped} there already, ${report.failed} failed.`,
    `  ${report.checklists} checklists with ${report.checklistItems} items.`,
    `  Not imported yet: ${docs} docs and ${decisions} decisions (they need documents, which this version does not have).`,
  ]
  for (const { file, line, message } of report.errors) {
    lines.push(`  error    ${file}${line === undefined ? '' : `:${line}`}: ${message}`)
  }
  const kinds = warningKinds(report)
  for (const { message, files } of kinds.slice(0, shown)) {
    lines.push(`  warning  ${files.length === 1 ? files[0] : `${files.length} files`}: ${message}`)
  }
  if (kinds.length > shown) lines.push(`  … and ${kinds.length - shown} more kinds of warnings`)
  return lines
}

/** Exit code 1 when files failed. */
export const importCommand = (options: {
  readonly folder: string
  readonly application: string
  readonly as: string | undefined
  readonly print: (text: string) => void
}): Promise<number> =>
  withDatabase(async session => {
    const target = await findTarget(session, options.application, options.as)
    const bar = progressBar(process.stderr)
    const report = await importBacklogMd(
      { database: session.database, mutation: session.app.mutation, commands: commandMap(session.app.features) },
      { ...target, folder: options.folder, onProgress: (done, total) => bar.show(done, total) },
    )
    bar.clear()
    options.print(`Imported ${options.folder} into ${target.applicationName}.`)
    for (const line of reportLines(report)) options.print(line)
    return report.failed > 0 ? 1 : 0
  })
