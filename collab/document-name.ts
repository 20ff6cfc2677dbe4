// Names of rooms on the socket. One room has exactly one name: ids in upper case, or with anything around them, would
// open the same document twice and let the two drift apart.

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const pattern = new RegExp(`^(document|presence):(${uuid})$`)

/** A document, or who is present in an application. */
export interface Room {
  readonly kind: 'document' | 'presence'
  /** Of the document, or of the application. */
  readonly id: string
}

/** The room of that name; undefined for any other text. */
export const roomOf = (name: string): Room | undefined => {
  const [, kind, id] = pattern.exec(name) ?? []
  return id === undefined ? undefined : { kind: kind as Room['kind'], id }
}

/** The name of a document's room. */
export const documentName = (documentId: string): string => `document:${documentId}`

/** The name of an application's presence room. */
export const presenceName = (applicationId: string): string => `presence:${applicationId}`
