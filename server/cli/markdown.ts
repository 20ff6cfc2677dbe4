// skerry import markdown, skerry export markdown: finds the place, shows progress, prints the report.
import { commandMap } from '../features.ts'
import { type DocumentsReport, exportMarkdown, importMarkdown } from '../features/transfers/index.ts'
import { noteLines } from './import.ts'
import { progressBar } from './progress.ts'
import { withDatabase } from './session.ts'
import { documentTarget, findTarget, type TargetNames } from './target.ts'

interface Options extends TargetNames {
  readonly folder: string
  /** Key of the project; the application's own documents where none is named. */
  readonly project: string | undefined
  /** Folder of the documents, as `Guides/Ropes`; all of them where none is named. */
  readonly path: string | undefined
  readonly print: (text: string) => void
}

const namesIn = (path: string | undefined): string[] => (path ?? '').split('/').filter(name => name.trim() !== '')

interface ImportOptions extends Options {
  readonly update: boolean
  readonly allWarnings: boolean
}

/** The report as lines for a person. */
const documentLines = (
  report: DocumentsReport,
  { update, allWarnings }: Pick<ImportOptions, 'update' | 'allWarnings'>,
): string[] => {
  const others = update ? `${report.updated} updated, ${report.skipped} unchanged` : `${report.skipped} there already`
  return [
    `  ${report.created} documents created, ${others}, ${report.errors.length} failed.`,
    `  ${report.folders} folders and ${report.tags} tags made.`,
    ...noteLines(report, allWarnings),
  ]
}

/** Exit code 1 when files failed. */
export const importMarkdownCommand = (options: ImportOptions): Promise<number> =>
  withDatabase(async session => {
    const { applicationId, applicationName, userId } = await findTarget(session, options)
    const target = await documentTarget(session, applicationId, options.project)
    const bar = progressBar(process.stderr)
    const report = await importMarkdown(
      { database: session.database, mutation: session.app.mutation, commands: commandMap(session.app.features) },
      {
        folder: options.folder,
        target,
        userId,
        path: namesIn(options.path),
        update: options.update,
        onProgress: (done, total) => bar.show(done, total),
      },
    )
    bar.clear()
    options.print(`Imported ${options.folder} into ${applicationName}.`)
    for (const line of documentLines(report, options)) options.print(line)
    return report.errors.length > 0 ? 1 : 0
  })

/** Exit code 0, or an error. */
export const exportMarkdownCommand = (options: Options): Promise<number> =>
  withDatabase(async session => {
    const { applicationId, applicationName } = await findTarget(session, options)
    const target = await documentTarget(session, applicationId, options.project)
    const bar = progressBar(process.stderr)
    const report = await exportMarkdown(session.database, {
      folder: options.folder,
      target,
      path: namesIn(options.path),
      onProgress: (done, total) => bar.show(done, total),
    })
    bar.clear()
    options.print(`Exported ${report.documents} documents in ${report.folders} folders of ${applicationName}.`)
    if (report.withFiles > 0) {
      options.print(`  ${report.withFiles} of them show files: the links are kept, the files are not exported.`)
    }
    if (report.inProjects.length > 0) {
      const projects = report.inProjects.map(({ key, documents }) => `${key} (${documents})`).join(', ')
      options.print(`  Documents of projects are exported on their own, with --project KEY: ${projects}.`)
    }
    return 0
  })
