// Imports from elsewhere. So far Backlog.md, from the command line.
import type { Feature } from '#server/kernel/feature.ts'

export { type ImportReport, importBacklogMd } from './backlog-md/import.ts'

export const transfers: Feature = { name: 'transfers', commands: [], routes: [], shapes: [] }
