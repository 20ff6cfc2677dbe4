// Writes that no signed-in person asks for as a command: sign-in, registration, the command line. Same transaction, same
// events, same error mapping as every other write; the work is given as a function instead of a registered command.
import { z } from 'zod'
import type { SignedIn } from './actor.ts'
import type { WriteContext } from './command.ts'
import { mutateOnce, type MutationDeps, MutationFailure } from './mutation.ts'

/** Runs `work` in one write transaction; rejects with AppError where the catalogue knows the cause. */
export type ServerWrite = <T>(name: string, actor: SignedIn, work: (context: WriteContext) => Promise<T>) => Promise<T>

/** Made by main.ts once, from what createRunWrite gets. */
export const createServerWrite =
  (deps: MutationDeps): ServerWrite =>
  async <T>(name: string, actor: SignedIn, work: (context: WriteContext) => Promise<T>) => {
    const command = {
      name,
      summary: name,
      access: 'PUBLIC' as const,
      input: z.unknown(),
      inTransactions: false,
      run: async (context: WriteContext) => ({ data: await work(context) }),
    }
    try {
      const { outcomes } = await mutateOnce(deps, {
        actor,
        mutations: [{ command, input: undefined }],
        editedAt: undefined,
        expectedVersion: undefined,
        via: 'api',
        requestId: undefined,
      })
      return outcomes[0]?.data as T
    } catch (error) {
      throw error instanceof MutationFailure ? error.cause : error
    }
  }
