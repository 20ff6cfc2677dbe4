// skerry doctor: is everything that the server needs in order? Changes nothing, and starts nothing but the embedded
// PostgreSQL where no server runs.
import { join } from 'node:path'
import pg from 'pg'
import { migrationNames } from '#migrations/run.ts'
import { type Config, loadConfig } from '#server/kernel/config.ts'
import { createLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { examine } from '#sync/engine/doctor/doctor.ts'
import { exitCodeOf, fail, type Finding, ok, printFindings, warn } from '#sync/engine/doctor/findings.ts'
import { electricUpstream } from '#sync/electric-upstream.ts'
import { runningUrl } from '../embedded/postgres.ts'
import { databaseService } from '../main.ts'

const schema = async (url: string): Promise<Finding[]> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string | null }>(`select to_regclass('kysely_migration')::text as name`)
    if (rows[0]?.name == null)
      return [warn('schema', 'empty', 'run skerry migrate, or start the server, which does it')]
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
  const state = await electricUpstream(config.electric).health()
  const { url } = config.electric
  return [
    state === 'active'
      ? ok('Electric', `${url} is active`)
      : fail(
          'Electric',
          `${url} is ${state}`,
          'start it, or correct ELECTRIC_URL and ELECTRIC_SECRET; its log says more',
        ),
  ]
}

/** Prints the findings; exit code 1 when something has failed. */
export const doctorCommand = async (print: (text: string) => void): Promise<number> => {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel)
  const running = config.databaseUrl === 'embedded' ? runningUrl(config.dataDir) : undefined
  const { service, url } = running ? { service: undefined, url: () => running } : databaseService(config, log)
  await service?.start()
  try {
    const findings = [
      ...(await examine({
        databaseUrl: url(),
        storageDir: join(config.dataDir, 'shapes'),
        publication: 'electric_publication_default',
        slot: 'skerry_slot_default',
        mode: 'manual',
      })),
      ...(await schema(url())),
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
