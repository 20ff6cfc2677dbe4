// What a feature's folder offers through its index.ts.
import type { AnyCommand } from './command.ts'
import type { Route } from './route.ts'

export interface ShapeDefinition {
  /** Name in /api/shapes/:name. */
  readonly name: string
  readonly table: string
  /** All synced columns. A snapshot test pins them: adding one is a decision, not an accident. */
  readonly columns: readonly string[]
  /** `user`: rows of the caller. `application`: rows of ?application_id. */
  readonly scope: 'user' | 'application'
  /** The column compared with the caller's id or the application's. */
  readonly scopeColumn: string
  /** Who may subscribe: SELF for scope user; MEMBER or OWNER of the application otherwise. */
  readonly who: 'SELF' | 'MEMBER' | 'OWNER'
  /** Column that `project_id` narrows by, where the rows belong to a project. */
  readonly projectColumn?: string
  /** `archived=false` leaves out rows where one of these is set. */
  readonly archiveColumns?: readonly string[]
}

export interface Feature {
  /** The folder's name. */
  readonly name: string
  readonly commands: readonly AnyCommand[]
  readonly routes: readonly Route[]
  readonly shapes: readonly ShapeDefinition[]
}
