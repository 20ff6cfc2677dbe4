// skerry import backlog-md: finds application and importer, shows progress, prints the report.
import { commandMap } from '../features.ts'
import { importBacklogMd, type ImportReport } from '../features/transfers/index.ts'
import { progressBar } from './progress.ts'
import { withDatabase } from './session.ts'
import { findTarget } from './target.ts'

const shown = 20

type Notes = Pick<ImportReport, 'warnings' | 'errors'>

/** Warnings that say the same, the most frequent first: what concerns most of the import must not be cut off. */
export const warningKinds = (
  report: Pick<Notes, 'warnings'>,
): { readonly message: string; readonly files: readonly string[] }[] =>
  [...Map.groupBy(report.warnings, warning => warning.message)]
    .map(([message, list]) => ({ message, files: list.map(({ file }) => file) }))
    .toSorted((a, b) => b.files.length - a.files.length)

/** Errors and warnings as lines for a person. */
export const noteLines = (report: Notes): string[] => {
  const lines = report.errors.map(
    ({ file, line, message }) => `  error    ${file}${line === undefined ? '' : `:${line}`}: ${message}`,
  )
  const kinds = warningKinds(report)
  for (const { message, files } of kinds.slice(0, shown)) {
    lines.push(`  warning  ${files.length === 1 ? files[0] : `${files.length} files`}: ${message}`)
  }
  if (kinds.length > shown) lines.push(`  … and ${kinds.length - shown} more kinds of warnings`)
  return lines
}

/** The report as lines for a person. */
export const reportLines = (report: ImportReport): string[] => [
  `Project ${report.projectKey}: ${report.created} tasks created, ${report.skipped} there already, ${report.failed} failed.`,
  `  ${report.checklists} checklists with ${report.checklistItems} items.`,
  `  ${report.documents.created} docs and decisions became documents, ${report.documents.skipped} were there already.`,
  ...noteLines(report),
]

/** Exit code 1 when files failed. */
export const importCommand = (options: {
  readonly folder: string
  readonly application: string
  readonly as: string | undefined
  readonly print: (text: string) => void
}): Promise<number> =>
  withDatabase(async session => {
    const target = await findTarget(session, options)
    const bar = progressBar(process.stderr)
    const report = await importBacklogMd(
      { database: session.database, mutation: session.app.mutation, commands: commandMap(session.app.features) },
      {
        applicationId: target.applicationId,
        userId: target.userId,
        folder: options.folder,
        onProgress: (done, total) => bar.show(done, total),
      },
    )
    bar.clear()
    options.print(`Imported ${options.folder} into ${target.applicationName}.`)
    for (const line of reportLines(report)) options.print(line)
    return report.failed > 0 ? 1 : 0
  })
