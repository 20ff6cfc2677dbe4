// `npm run generate`: writes schema.sql and the table types from a freshly migrated database.
// `--check` compares instead and exits 1 with the names of files that are out of date.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EmbeddedPostgres } from '#server/embedded/postgres.ts'
import { createLog } from '#server/kernel/log.ts'
import { printSchema } from './print-schema.ts'
import { migrate } from './run.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const tableTypes = (url: string, folder: string): string => {
  const out = join(folder, 'database.gen.ts')
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      here('../node_modules/kysely-codegen/dist/cli/bin.js'),
      `--url=${url}`,
      `--out-file=${out}`,
      '--dialect=postgres',
      '--date-parser=string',
      '--numeric-parser=string',
      '--exclude-pattern=kysely_*',
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`kysely-codegen failed: ${stderr}`)
  return readFileSync(out, 'utf8')
}

const folder = mkdtempSync(join(tmpdir(), 'skerry-generate-'))
const server = new EmbeddedPostgres({ folder, log: createLog('error'), durable: false })
try {
  await server.start()
  await migrate(server.url)
  const files = new Map([
    [here('./schema.sql'), await printSchema(server.url)],
    [here('../server/kernel/database.gen.ts'), tableTypes(server.url, folder)],
  ])
  for (const [path, text] of files) {
    if (!process.argv.includes('--check')) writeFileSync(path, text)
    else if (readFileSync(path, 'utf8') !== text) {
      process.stderr.write(`${path} is out of date; run \`npm run generate\` and commit it\n`)
      process.exitCode = 1
    }
  }
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
