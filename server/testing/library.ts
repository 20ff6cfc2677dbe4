// A knowledge base around a board: what most tests of documents begin with.
import type { Client } from './client.ts'
import { type Board, dataOf, type Row, written } from './board.ts'

/** Where something is made: `scope` and `scope_id`. */
export interface At {
  readonly scope: 'personal' | 'application' | 'project'
  readonly scope_id?: string
}

export const inApplication = (board: Board): At => ({ scope: 'application', scope_id: board.applicationId })
export const inProject = (board: Board): At => ({ scope: 'project', scope_id: board.projectId })
export const atHome: At = { scope: 'personal' }

export type DocumentRow = Row & {
  readonly folder_id: string | null
  readonly content_version: number
  readonly word_count: number
  readonly excerpt: string
  readonly deleted_at: string | null
}

export type FolderRow = Row & {
  readonly name: string
  readonly parent_id: string | null
  readonly path: string
  readonly depth: number
  readonly deleted_at: string | null
}

let made = 0

/** Makes a document under a name of its own. */
export const makeDocument = async (by: Client, at: At, args: Record<string, unknown> = {}): Promise<DocumentRow> => {
  made += 1
  return written(await by.post('/api/documents', { ...at, title: `Document ${made}`, ...args })).data as DocumentRow
}

/** Makes a folder under a name of its own. */
export const makeFolder = async (by: Client, at: At, args: Record<string, unknown> = {}): Promise<FolderRow> => {
  made += 1
  return written(await by.post('/api/document-folders', { ...at, name: `Folder ${made}`, ...args })).data as FolderRow
}

/** Content given as Markdown. */
export const asMarkdown = (value: string) => ({ content: { format: 'markdown', value } })

/** The content of a document as Markdown or plain text. */
export const readContent = async (by: Client, id: string, format: 'markdown' | 'text' | 'json' = 'markdown') =>
  dataOf<{ value: string; content_version: number }>(await by.get(`/api/documents/${id}/content?format=${format}`))

/** A document as its readers see it. */
export const readDocument = async (by: Client, id: string): Promise<DocumentRow> =>
  dataOf<DocumentRow>(await by.get(`/api/documents/${id}`))
