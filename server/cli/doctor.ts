// skerry doctor: is everything that the server needs in order? Changes nothing, and starts nothing but the embedded
// PostgreSQL where one has been made and no server runs.
import { join } from 'node:path'
import pg from 'pg'
import { everMigrated, migrationNames } from '#migrations/run.ts'
import { type Config, loadConfig } from '#server/kernel/config.ts'
import { createLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { examine, examineStorage } from '#sync/engine/doctor/doctor.ts'
import { exitCodeOf, fail, type Finding, ok, printFindings, warn } from '#sync/engine/doctor/findings.ts'
import { lookAtElectric } from '#sync/electric-health.ts'
import { hasCluster, runningUrl } from '../embedded/postgres.ts'
import { databaseService } from '../main.ts'

const emptySchema = warn('schema', 'empty', 'run skerry migrate, or start the server, which does it')

const schema = async (url: string): Promise<Finding[]> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ there: boolean }>(everMigrated)
    if (rows[0]?.there !== true) return [emptySchema]
    const ran = await client.query<{ name: string }>('select name from kysely_migration')
    const done = new Set(ran.rows.map(row => row.name))
    const missing = migrationNames.filter(name => !done.has(name))
    const unknown = [...done].filter(name => !migrationNames.includes(name))
    if (unknown.length > 0)
      return [fail('schema', `newer than this server: ${unknown.join(', ')}`, 'install the newer server')]
    if (missing.length > 0)
      return [warn('schema', `${missing.join(', ')} to come`, 'run skerry migrate, or start the server')]
    return [ok('schema', must(migrationNames.at(-1)))]
  } catch {
    // the checks of the connection say why
    return []
  } finally {
    await client.end()
  }
}

const electric = async (config: Config): Promise<Finding[]> => {
  if (config.electric === undefined) return []
  const { found, remedy } = await lookAtElectric(config.electric)
  return [remedy === undefined ? ok('Electric', found) : fail('Electric', found, remedy)]
}

const noDatabase = (folder: string): Finding =>
  warn(
    'database',
    `none in ${folder} (DATA_DIR)`,
    'start the server, or run skerry migrate; for a server that runs already, set DATA_DIR or DATABASE_URL as it has them',
  )

const examineDatabase = async (config: Config, url: string): Promise<Finding[]> => {
  const tables = await schema(url)
  const findings = await examine({
    databaseUrl: url,
    storageDir: join(config.dataDir, 'shapes'),
    publication: 'electric_publication_default',
    slot: 'skerry_slot_default',
    // the migrations make it: before them it cannot be missed
    mode: tables.includes(emptySchema) ? 'automatic' : 'manual',
  })
  return [...findings, ...tables]
}

/** Prints the findings; exit code 1 when something has failed. */
export const doctorCommand = async (print: (text: string) => void): Promise<number> => {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel)
  const running = config.databaseUrl === 'embedded' ? runningUrl(config.dataDir) : undefined
  const { service, url } = running ? { service: undefined, url: () => running } : databaseService(config, log)
  const isMissing = service !== undefined && !hasCluster(config.dataDir)
  if (!isMissing) await service?.start()
  try {
    const findings = [
      ...(isMissing
        ? [noDatabase(config.dataDir), await examineStorage(join(config.dataDir, 'shapes'))]
        : await examineDatabase(config, url())),
      ...(await electric(config)),
    ]
    print(printFindings(findings))
    const count = (level: Finding['level']) => findings.filter(finding => finding.level === level).length
    print(`\n${findings.length} checks: ${count('fail')} failed, ${count('warn')} to look at.`)
    return exitCodeOf(findings)
  } finally {
    await service?.stop()
  }
}
