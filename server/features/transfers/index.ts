// Imports from elsewhere and exports to files: Backlog.md and Markdown folders, from the command line.
import type { Feature } from '#server/kernel/feature.ts'

export { type ImportReport, importBacklogMd } from './backlog-md/import.ts'
export { type ExportReport, exportMarkdown } from './markdown/export.ts'
export { type DocumentsReport, type DocumentTarget, importMarkdown } from './markdown/import.ts'

export const transfers: Feature = { name: 'transfers', commands: [], routes: [], shapes: [] }
