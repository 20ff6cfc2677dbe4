// Global setup of the vitest project `debian`: the programs first, then the shared PostgreSQL.
import type { TestProject } from 'vitest/node'
import { startShared } from '#server/testing/global-postgres.ts'
import { type Missing, type Program, programs, providePrograms } from './packages.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Programs that could not be had, with the reason. */
    missingPrograms: Missing
  }
}

/** What was not run, a line each. */
export const notRun = (missing: Missing): string[] =>
  Object.entries(missing).map(
    ([program, reason]) => `NOT RUN: ${programs[program as Program].tests}, for want of ${program} (${reason}).`,
  )

/** Called by vitest. With SKERRY_REQUIRE_ALL=1, as in `.ci/run`, a missing program ends the run. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const missing = providePrograms()
  const lines = notRun(missing)
  if (lines.length > 0 && process.env.SKERRY_REQUIRE_ALL === '1') throw new Error(lines.join('\n'))
  project.provide('missingPrograms', missing)
  const stop = await startShared(project, 18)
  return async () => {
    await stop()
    // last, below the summary, where it is not overlooked
    for (const line of lines) process.stderr.write(`\n${line}\n`)
  }
}
