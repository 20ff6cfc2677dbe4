// vitest global setup: PostgreSQL 18 for the project that names this file.
import type { TestProject } from 'vitest/node'
import { startShared } from './global-postgres.ts'

/** Called by vitest once per run. */
export const setup = (project: TestProject): Promise<() => Promise<void>> => startShared(project, 18)
