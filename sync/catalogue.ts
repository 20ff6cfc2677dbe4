// GET /api/shapes: which shapes there are, and which of them the caller may subscribe to now.
import { z } from 'zod'
import type { Reader } from '#server/kernel/database.ts'
import type { Role } from '#server/kernel/policy.ts'
import { readRoute, type Route } from '#server/kernel/route.ts'
import { reaches } from '#server/kernel/scopes.ts'
import { maySubscribe } from './gate.ts'
import type { ShapeDefinition } from './shape.ts'

/** The caller's role in each of his applications. */
export type RolesOf = (
  reader: Reader,
  userId: string,
) => Promise<readonly { readonly application_id: string; readonly role: string }[]>

/** The route over `shapes`. */
export const shapeCatalogue = (shapes: readonly ShapeDefinition[], rolesOf: RolesOf): Route =>
  readRoute({
    path: '/api/shapes',
    access: 'USER',
    summary: 'The shapes, their columns and scope, and where the caller may subscribe.',
    query: z.strictObject({}),
    response: z.object({
      data: z.array(
        z.object({
          name: z.string(),
          columns: z.array(z.string()),
          scope: z.enum(['user', 'application']),
          narrow: z.array(z.string()),
          application_ids: z.array(z.uuid()).nullable(),
        }),
      ),
      next_cursor: z.null(),
    }),
    run: async ({ reader, actor }) => {
      const all = actor.userId === undefined ? [] : await rolesOf(reader, actor.userId)
      const roles = all.filter(one => reaches(actor, one.application_id))
      return {
        data: shapes
          .filter(shape => shape.scope === 'application' || reaches(actor, undefined))
          .map(shape => ({
            name: shape.name,
            columns: shape.columns,
            scope: shape.scope,
            narrow: [
              ...(shape.projectColumn === undefined ? [] : ['project_id']),
              ...(shape.archiveColumns === undefined ? [] : ['archived']),
            ],
            // null: the caller's own rows, always open
            application_ids:
              shape.scope === 'user'
                ? null
                : roles.filter(one => maySubscribe(shape, one.role as Role)).map(one => one.application_id),
          })),
        next_cursor: null,
      }
    },
  })
