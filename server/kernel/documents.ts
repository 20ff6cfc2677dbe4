// What the sockets of documents need of the documents feature; filled in by main.ts.
import type { Actor } from './actor.ts'

export interface Documents {
  /**
   * What `actor` may do in the document now; undefined when it is missing, in the trash or hidden (all alike). While
   * somebody else holds its lock, `edit` is false.
   */
  access(actor: Actor, documentId: string): Promise<{ readonly edit: boolean } | undefined>
  /**
   * Folds the log of the document into its stored state, with all derived texts, mentions, activity (one per person and
   * 10 minutes) and the automatic snapshot, in one transaction. `contributors` are the people who edited since the last
   * call. Answers the content version; undefined when the document is gone. With nothing to fold nothing changes, but
   * `lastLeft` (the last editor is gone) takes the automatic snapshot of what no snapshot holds yet.
   */
  store(
    documentId: string,
    contributors: readonly string[],
    options?: { readonly lastLeft?: boolean },
  ): Promise<{ readonly contentVersion: number } | undefined>
}
