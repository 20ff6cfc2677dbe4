import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// One project per kind of test, told apart by suffix (README, "Tests"). `pg16` runs the sync and migration tests once
// more on the oldest PostgreSQL that Skerry supports.
const pgFiles = ['{server,sync,collab,migrations,e2e}/**/*.pg.test.ts']
// Processes that tests start, hundreds of them, take their compiled modules from there: half of each start is that.
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/skerry-tests', import.meta.url)) }
const shared = { testTimeout: 60_000, hookTimeout: 120_000, env, setupFiles: ['server/testing/rejections.ts'] }

export default defineConfig({
  test: {
    // tests of databases and processes wait more than they compute
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{server,sync,collab,migrations,e2e}/**/*.test.ts'],
          exclude: ['**/*.{pg,property,system}.test.ts', 'node_modules/**'],
        },
      },
      { test: { ...shared, name: 'property', include: ['{server,sync,collab,migrations}/**/*.property.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'pg',
          include: pgFiles,
          globalSetup: ['server/testing/global-postgres-18.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'pg16',
          include: ['{sync,migrations}/**/*.pg.test.ts'],
          // the recorded corpus is of PostgreSQL 18, and what array_in takes changed with 17
          exclude: ['**/*corpus*.pg.test.ts', '**/array-input.pg.test.ts', 'node_modules/**'],
          globalSetup: ['server/testing/global-postgres-16.ts'],
        },
      },
      {
        test: {
          ...shared,
          testTimeout: 180_000,
          name: 'system',
          include: ['{server,sync,collab,e2e}/**/*.system.test.ts'],
        },
      },
      {
        // needs programs from Debian's packages, which its set-up installs where it may
        test: {
          ...shared,
          testTimeout: 180_000,
          name: 'debian',
          include: ['e2e/**/*.spec.ts'],
          globalSetup: ['e2e/debian/global-setup.ts'],
        },
      },
    ],
  },
})
