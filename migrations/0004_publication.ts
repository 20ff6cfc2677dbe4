// The publication that the shape engine (or a real Electric in manual mode) reads. Membership and replica identity are
// set here and never by a request. Named as Electric names its own, so that either can take over.
import type { Kysely } from 'kysely'
import { publish, runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `create publication electric_publication_default`,
    ...publish([
      'users',
      'applications',
      'application_members',
      'invitations',
      'projects',
      'project_members',
      'task_statuses',
      'tasks',
      'project_aggregates',
      'comments',
      'mentions',
      'checklists',
      'checklist_items',
    ]),
  ])
