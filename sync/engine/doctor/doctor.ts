// Looks at a database and a storage folder with an engine's eyes, and says what is in its way. Changes nothing.
import { randomUUID } from 'node:crypto'
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import pg from 'pg'
import { connectReplication } from '../replication/connection.ts'
import { checkConnection, checkFacts, checkReplication, checkStorage, type Wanted } from './checks.ts'
import { readFacts } from './facts.ts'
import { type Finding, ok } from './findings.ts'

export interface DoctorOptions extends Wanted {
  readonly databaseUrl: string
  /** undefined: not looked at. */
  readonly storageDir: string | undefined
}

const replication = async (databaseUrl: string): Promise<Finding> => {
  try {
    const connection = await connectReplication(databaseUrl, () => undefined)
    try {
      await connection.query('IDENTIFY_SYSTEM')
    } finally {
      connection.close()
    }
    return ok('replication connection', 'works')
  } catch (error) {
    return checkReplication(error)
  }
}

const database = async (options: DoctorOptions): Promise<Finding[]> => {
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
    application_name: 'skerry-doctor',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    return [checkConnection(error)]
  }
  try {
    const { processID } = client as unknown as { processID: number | undefined }
    const facts = await readFacts(client, { ...options, processId: processID })
    return [...checkFacts(facts, options), await replication(options.databaseUrl)]
  } finally {
    await client.end()
  }
}

/** The nearest folder above that exists. */
const existing = async (folder: string): Promise<string> => {
  const there = await stat(folder).catch(() => undefined)
  return there ? folder : existing(dirname(folder))
}

/** Looks at the folder of logs and snapshots, which need not be there yet. */
export const examineStorage = async (given: string): Promise<Finding> => {
  const folder = resolve(given)
  try {
    const base = await existing(folder)
    const trial = join(base, `.skerry-doctor-${randomUUID()}`)
    await mkdir(trial)
    try {
      await writeFile(join(trial, 'trial'), 'x', { flush: true })
    } finally {
      await rm(trial, { recursive: true, force: true })
    }
    const { bavail, bsize } = await statfs(base)
    return checkStorage(folder, { free: bavail * bsize })
  } catch (error) {
    return checkStorage(folder, { error: (error as Error).message })
  }
}

/** All findings, in the order in which one would mend them. */
export const examine = async (options: DoctorOptions): Promise<Finding[]> => [
  ...(await database(options)),
  ...(options.storageDir === undefined ? [] : [await examineStorage(options.storageDir)]),
]
