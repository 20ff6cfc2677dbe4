// Documents: delivery, CPU and memory of the sockets and the opening of a large document, durable all the while, beside
// plain Hocuspocus and y-websocket's server, both in memory, in the same run.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import * as Y from 'yjs'
import { documentName } from '#collab/document-name.ts'
import { derive, stateOf } from '#server/content/document-state.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { createClient } from '#server/testing/client.ts'
import type { DocsLoad, DocsTimes } from './docs-clients.ts'
import type { BenchContext } from './main.ts'
import { cpuSeconds, type DocsPeer, load, memoryKib, type Served, serveDocsPeer, serveSkerry } from './processes.ts'
import { type Figure, median } from './table.ts'

const rooms = 20
const clientsPerRoom = 10
const perSecond = 5
const seconds = Number(process.env.DOCS_SECONDS ?? 10)
const warmUpSeconds = 5
const smallDocuments = 2000
const operations = 100_000
const coldOpenings = 10
const settleMs = 1500

type Measured = Record<'p50' | 'p99' | 'cpu' | 'database' | 'missing' | 'memory' | 'bytes' | 'applied' | 'cold', number>

/** CPU seconds of PostgreSQL's processes, by pid; of those that have just ended, and where /proc is not, of none. */
const databaseCpu = async (pool: pg.Pool): Promise<ReadonlyMap<number, number>> => {
  const { rows } = await pool.query<{ pid: number }>('select pid from pg_stat_activity')
  const all = rows.map(({ pid }) => [pid, cpuSeconds(pid)] as const)
  return new Map(all.filter(([, spent]) => Number.isFinite(spent)))
}

/** What was used between the two; of processes that ended in between nothing is known. NaN when none is known. */
const used = (before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number =>
  after.size === 0 ? Number.NaN : [...after].reduce((sum, [pid, spent]) => sum + spent - (before.get(pid) ?? 0), 0)

/** A document after so many single characters, typed at places that jump about. */
const longState = (): Uint8Array => {
  const doc = new Y.Doc()
  doc.clientID = 7
  const paragraph = new Y.XmlElement('paragraph')
  const text = new Y.XmlText()
  doc.getXmlFragment('default').insert(0, [paragraph])
  paragraph.insert(0, [text])
  let place = 0
  doc.transact(() => {
    for (let made = 0; made < operations; made += 1) {
      if (made % 10 === 0) place = (place * 31 + 17) % (made + 1)
      text.insert(place, String.fromCodePoint(97 + (made % 26)))
      place += 1
    }
  })
  return Y.encodeStateAsUpdate(doc)
}

const smallState = (): Uint8Array =>
  stateOf({
    type: 'doc',
    content: Array.from({ length: 40 }, (_, index) => ({
      type: 'paragraph',
      content: [
        {
          type: 'text',
          text: `Line ${index}: tide tables, granite and a lighthouse; everything that fits on a line here.`,
        },
      ],
    })),
  })

const insertDocuments = async (pool: pg.Pool, userId: string, count: number, state: Uint8Array): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => uuid7())
  const { json, markdown, plain } = derive(state)
  await pool.query(
    `insert into documents (id, scope, user_id, title, rank)
     select id, 'personal', $2, id::text, 'a0' from unnest($1::uuid[]) id`,
    [ids, userId],
  )
  await pool.query(
    `insert into document_contents (document_id, ydoc, content_json, content_markdown, content_plain)
     select id, $2, $3, $4, $5 from unnest($1::uuid[]) id on conflict (document_id) do update set ydoc = excluded.ydoc`,
    [ids, Buffer.from(state), JSON.stringify(json), markdown, plain],
  )
  return ids.map(documentName)
}

interface Subject {
  readonly served: Served
  readonly plain: boolean
  readonly token: string
  readonly rooms: (kind: 'type' | 'small' | 'long', count: number) => Promise<readonly string[]>
}

interface Ran {
  readonly times: DocsTimes
  /** Ends the clients. */
  readonly finish: () => void
}

const run = async (subject: Subject, work: DocsLoad['work'], atStart: () => Promise<void>): Promise<Ran> => {
  const { served, plain, token } = subject
  const clients = load<DocsTimes>('./docs-clients.ts', { url: served.url, plain, token, work } satisfies DocsLoad)
  await clients.ready
  await atStart()
  return { times: await clients.result, finish: () => clients.finish() }
}

const measure = async (subject: Subject, pool: pg.Pool): Promise<Measured> => {
  const { pid } = subject.served
  const cost = { cpu: 0, database: await databaseCpu(pool) }
  const mark = async () => {
    cost.cpu = cpuSeconds(pid)
    cost.database = await databaseCpu(pool)
  }
  // in a process that has only just opened its first ones: what others leave behind would hold them
  const small = async (count: number): Promise<Ran> => {
    const work = { kind: 'open', rooms: await subject.rooms('small', count), apply: false } as const
    const ran = await run(subject, work, async () => {})
    await pause(settleMs)
    return ran
  }
  const opened = [await small(smallDocuments / 10)]
  const before = memoryKib(pid)
  opened.push(await small(smallDocuments))
  const memory = (memoryKib(pid) - before) / smallDocuments
  for (const { finish } of opened) finish()
  await pause(settleMs)

  const type = async (duration: number): Promise<Ran> => {
    const names = await subject.rooms('type', rooms)
    return run(subject, { kind: 'type', rooms: names, clientsPerRoom, perSecond, seconds: duration }, mark)
  }
  // code is compiled before anything is measured
  const first = await type(warmUpSeconds)
  first.finish()
  await pause(settleMs)
  const typed = await type(seconds)
  const cpu = ((cpuSeconds(pid) - cost.cpu) * 1000) / typed.times.deliveries
  const database = (used(cost.database, await databaseCpu(pool)) * 1000) / typed.times.deliveries
  typed.finish()
  await pause(settleMs)

  const long = { kind: 'open', rooms: await subject.rooms('long', coldOpenings), apply: true } as const
  const large = await run(subject, long, mark)
  const cold = ((cpuSeconds(pid) - cost.cpu) * 1000) / coldOpenings
  large.finish()
  return {
    p50: typed.times.p50,
    p99: typed.times.p99,
    cpu,
    database,
    missing: typed.times.missing,
    memory,
    bytes: median(large.times.bytesMs),
    applied: median(large.times.appliedMs),
    cold,
  }
}

const skerry = async (context: BenchContext, url: string, round: number, pool: () => pg.Pool): Promise<Subject> => {
  const served = await serveSkerry(url, join(context.folder, `docs-${round}`))
  const body = { email: `ann${round}@example.com`, password: 'tide-and-granite-7', display_name: 'Ann' }
  const answer = await createClient(served.url).post('/auth/register', body)
  const { access_token: token, user } = answer.body as { access_token: string; user: { id: string } }
  const states = { type: stateOf({ type: 'doc' }), small: smallState(), long: readFileSync(longFile(context)) }
  return {
    served,
    plain: false,
    token,
    rooms: (kind, count) => insertDocuments(pool(), user.id, count, states[kind]),
  }
}

const longFile = (context: BenchContext): string => join(context.folder, 'long.bin')

const peers = { hocuspocus: 'plain Hocuspocus', 'y-websocket': "y-websocket's server" } as const

const packagesFolder = (context: BenchContext): string => join(context.folder, 'packages')

/**
 * y-websocket's server brings a database with native code, which nothing here uses: it is installed for the time of the
 * bench and is no dependency of the project. `false` where it can't be had.
 */
const installWebsocketServer = async (context: BenchContext): Promise<boolean> => {
  const folder = packagesFolder(context)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{}')
  const project = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { dependencies } = JSON.parse(project) as { dependencies: { yjs: string } }
  const asked = [
    'install',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `yjs@${dependencies.yjs}`,
    '@y/websocket-server@0.1.1',
  ]
  try {
    await promisify(execFile)('npm', asked, { cwd: folder })
    return true
  } catch (error) {
    context.say(`docs: y-websocket's server is not measured, npm could not install it: ${String(error)}`)
    return false
  }
}

const peer = async (context: BenchContext, name: DocsPeer): Promise<Subject> => {
  const states = { small: join(context.folder, 'small.bin'), long: longFile(context) }
  const served = await serveDocsPeer(name, states, packagesFolder(context))
  let made = 0
  const names = (kind: string, count: number) => Array.from({ length: count }, () => `${kind}-${(made += 1)}`)
  return { served, plain: name === 'y-websocket', token: 'nobody', rooms: async (kind, count) => names(kind, count) }
}

/** See the header. */
export const benchDocs = async (context: BenchContext): Promise<Figure[]> => {
  const admin = new pg.Client({ connectionString: context.databaseUrl })
  await admin.connect()
  await admin.query('create database bench_docs')
  await admin.end()
  const url = context.databaseUrl.replace(/\/[^/]*$/, '/bench_docs')
  writeFileSync(longFile(context), longState())
  writeFileSync(join(context.folder, 'small.bin'), smallState())
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const installed = await installWebsocketServer(context)
  const measured: DocsPeer[] = installed ? ['hocuspocus', 'y-websocket'] : ['hocuspocus']
  const rounds: Record<'ours' | DocsPeer, Measured[]> = { ours: [], hocuspocus: [], 'y-websocket': [] }
  try {
    for (let round = 0; round < context.rounds; round += 1) {
      for (const name of ['ours', ...measured] as const) {
        context.say(`docs: round ${round + 1}, ${name}`)
        const subject = name === 'ours' ? await skerry(context, url, round, () => pool) : await peer(context, name)
        try {
          rounds[name].push(await measure(subject, pool))
        } finally {
          await subject.served.stop()
        }
      }
    }
  } finally {
    await pool.end()
  }
  const of = (name: keyof typeof rounds, key: keyof Measured) => median(rounds[name].map(one => one[key]))
  const figure = (text: string, unit: string, key: keyof Measured, max?: number): Figure[] =>
    measured.map(name => ({
      figure: name === 'hocuspocus' ? text : '…',
      unit,
      ours: of('ours', key),
      limit: { name: peers[name], value: of(name, key) },
      ...(name === 'hocuspocus' && max !== undefined ? { target: { max } } : {}),
    }))
  const share = must(rounds.ours[0]).missing
  context.say(`docs: ${share} deliveries missing in the first round`)
  return [
    ...figure(`delivery p50, ${rooms * clientsPerRoom} clients in ${rooms} documents`, 'ms', 'p50'),
    ...figure('delivery p99', 'ms', 'p99'),
    ...figure('CPU per 1,000 deliveries', 's', 'cpu', 1.2),
    { figure: '… of PostgreSQL, for the log', unit: 's', ours: of('ours', 'database'), limit: undefined },
    ...figure('memory of an open document of 6 kB, 50 a socket (y-websocket: one)', 'KiB', 'memory', 1),
    ...figure('opening 100,000 operations: bytes at the client', 'ms', 'bytes', 1),
    ...figure('… applied there', 'ms', 'applied', 1),
    ...figure('… CPU of the server', 'ms', 'cold', 1),
  ]
}
