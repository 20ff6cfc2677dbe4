// skerry import backlog-md: finds application and importer, shows progress, prints the report.
import { must } from '#server/kernel/must.ts'
import { commandMap } from '../features.ts'
import { importBacklogMd, type ImportReport } from '../features/transfers/index.ts'
import { progressBar } from './progress.ts'
import { withDatabase } from './session.ts'
import { findTarget } from './target.ts'

const shown = 20

type Notes = Pick<ImportReport, 'warnings' | 'errors'>
type Warning = Notes['warnings'][number]

/** Warnings that say the same, the most frequent first: what concerns most of the import must not be cut off. */
export const warningKinds = (
  report: Pick<Notes, 'warnings'>,
): { readonly message: string; readonly first: Warning; readonly all: readonly Warning[] }[] =>
  [...Map.groupBy(report.warnings, warning => warning.message)]
    .map(([message, all]) => ({ message, first: must(all[0]), all }))
    .toSorted((a, b) => b.all.length - a.all.length)

const placeOf = ({ file, detail }: Warning): string => (detail === undefined ? file : `${file} (${detail})`)

/** Errors and warnings as lines for a person; `all` names every file of every warning. */
export const noteLines = (report: Notes, all: boolean): string[] => {
  const lines = report.errors.map(
    ({ file, line, message }) => `  error    ${file}${line === undefined ? '' : `:${line}`}: ${message}`,
  )
  const kinds = warningKinds(report)
  for (const kind of all ? kinds : kinds.slice(0, shown)) {
    const { message, first } = kind
    if (kind.all.length === 1) lines.push(`  warning  ${placeOf(first)}: ${message}`)
    else if (all) {
      lines.push(`  warning  ${kind.all.length} files: ${message}`)
      for (const warning of kind.all) lines.push(`             ${placeOf(warning)}`)
    } else lines.push(`  warning  ${kind.all.length} files: ${message} First: ${placeOf(first)}`)
  }
  if (!all && kinds.length > shown) {
    lines.push(`  … and ${kinds.length - shown} more kinds of warnings; --all-warnings shows them, with every file`)
  }
  return lines
}

/** The report as lines for a person. */
export const reportLines = (report: ImportReport, allWarnings: boolean): string[] => [
  `Project ${report.projectKey}: ${report.created} tasks created, ${report.skipped} there already, ${report.failed} failed.`,
  `  ${report.checklists} checklists with ${report.checklistItems} items.`,
  `  ${report.documents.created} docs and decisions became documents, ${report.documents.skipped} were there already.`,
  ...noteLines(report, allWarnings),
]

/** Exit code 1 when files failed. */
export const importCommand = (options: {
  readonly folder: string
  readonly application: string
  readonly as: string | undefined
  readonly allWarnings: boolean
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
    for (const line of reportLines(report, options.allWarnings)) options.print(line)
    return report.failed > 0 ? 1 : 0
  })
