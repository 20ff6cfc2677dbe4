// The floor of the sync benches: a Node server that does only the necessary work for boards of `tasks` and speaks just
// enough of the protocol for the bench's clients. COPY, pgoutput, a hash of boards, all in memory, nothing durable, nobody
// authorized. A yardstick for what the runtime allows, not a design.
import { createServer, type ServerResponse } from 'node:http'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { ByteWriter } from '#sync/engine/byte-writer.ts'
import { connectReplication } from '#sync/engine/replication/connection.ts'
import { decode } from '#sync/engine/replication/pgoutput.ts'
import { createRowEncoder } from '#sync/engine/shapes/copy-text.ts'
import type { ShapeDefinition } from '#sync/engine/shapes/definition.ts'
import { createPlan, type Plan } from '#sync/engine/shapes/encode.ts'

interface Board {
  /** The pieces of the body as they come; all of them, once `copied`. */
  readonly pieces: Buffer[]
  readonly copied: Promise<void>
  readonly hearers: Set<() => void>
  readonly items: string[]
  readonly polls: Set<() => void>
  readonly streams: Set<ServerResponse>
}

const url = process.env.DATABASE_URL ?? ''
const pool = new pg.Pool({ connectionString: url, max: 10 })
const boards = new Map<string, Board>()

const columnsOf = async (): Promise<string[]> => {
  const { rows } = await pool.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0 order by attnum`,
  )
  return rows.map(row => row.name)
}

const columns = await columnsOf()
const definition: ShapeDefinition = {
  identity: '',
  oid: 0,
  schema: 'public',
  name: 'tasks',
  primaryKey: ['id'],
  tableColumns: columns.map(name => ({ name, typeOid: 0, typmod: -1 })),
  selected: columns,
  allColumns: true,
  where: null,
  inner: [],
  replica: 'default',
  log: 'full',
}
const encoder = createRowEncoder(definition)

const copyRows = async (board: Pick<Board, 'pieces' | 'hearers'>, where: string): Promise<void> => {
  const client = await pool.connect()
  const out = new ByteWriter()
  let rows = 0
  const publish = () => {
    board.pieces.push(out.take())
    for (const hear of board.hearers) hear()
  }
  const beginRow = () => out.add(Buffer.from(rows++ === 0 ? '[' : ',\n'))
  const push = encoder.into({ out, beginRow, endRow: () => {} })
  for await (const piece of client.query(copyTo(`copy (select ${encoder.columns} from tasks${where}) to stdout`))) {
    push(piece as Buffer)
    if (out.length > 65_536) publish()
  }
  client.release()
  out.add(Buffer.from(']'))
  publish()
}

/** The board of that project, or of all rows when it is empty. */
const boardOf = (project: string): Board => {
  let board = boards.get(project)
  if (board === undefined) {
    const copying = { pieces: [], hearers: new Set<() => void>() }
    const copied = copyRows(copying, project === '' ? '' : ` where project_id = '${project}'`)
    board = { ...copying, copied, items: [], polls: new Set(), streams: new Set() }
    boards.set(project, board)
  }
  return board
}

/** Sends the rows: whole when they are all there, else as they come. */
const sendSnapshot = async (response: ServerResponse, board: Board): Promise<void> => {
  let sent = 0
  response.writeHead(200, headersOf(0, false, false))
  const hear = () => {
    for (; sent < board.pieces.length; sent += 1) response.write(board.pieces[sent])
  }
  hear()
  board.hearers.add(hear)
  await board.copied
  board.hearers.delete(hear)
  response.end()
}

const upToDate = '{"headers":{"control":"up-to-date"}}'

const headersOf = (at: number, live: boolean, isUpToDate: boolean) => ({
  'content-type': 'application/json; charset=utf-8',
  'electric-offset': `${at}_0`,
  'electric-handle': 'floor',
  ...(live ? { 'electric-cursor': String(at) } : {}),
  ...(isUpToDate ? { 'electric-up-to-date': '' } : {}),
})

const sendItems = (response: ServerResponse, board: Board, from: number, live: boolean): void => {
  const body = Buffer.from(`[${[...board.items.slice(from), upToDate].join(',\n')}]`)
  const headers = { ...headersOf(board.items.length + 1, live, true), 'content-length': body.length }
  response.writeHead(200, headers).end(body)
}

const answer = async (query: URLSearchParams, response: ServerResponse): Promise<void> => {
  const project = /'([^']+)'/.exec(query.get('where') ?? '')?.[1] ?? ''
  const board = boardOf(project)
  const offset = Number.parseInt(query.get('offset') ?? '', 10)
  if (offset < 0) {
    await sendSnapshot(response, board)
    return
  }
  const from = Math.max(0, offset - 1)
  if (query.has('live_sse')) {
    response.writeHead(200, { ...headersOf(offset, true, true), 'content-type': 'text/event-stream' })
    response.flushHeaders()
    board.streams.add(response)
    response.once('close', () => board.streams.delete(response))
  } else if (!query.has('live') || board.items.length > from) sendItems(response, board, from, query.has('live'))
  else board.polls.add(() => sendItems(response, board, from, true))
}

const publish = (board: Board, items: readonly string[]): void => {
  board.items.push(...items)
  const polls = [...board.polls]
  board.polls.clear()
  for (const poll of polls) poll()
  if (board.streams.size === 0) return
  const event = Buffer.from(`${items.map(item => `data: ${item}\n\n`).join('')}data: ${upToDate}\n\n`)
  for (const stream of board.streams) stream.write(event)
}

const follow = async (): Promise<void> => {
  await pool.query(`drop publication if exists floor; create publication floor for table tasks;
    alter table tasks replica identity full`)
  const stream = await connectReplication(url, error => {
    throw error
  })
  await stream.query('CREATE_REPLICATION_SLOT "floor" TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT')
  let plan: Plan | undefined
  let at = -1
  let [xid, lsn, op] = [0, 0n, 0]
  let touched = new Map<Board, string[]>()
  const onData = (bytes: Buffer, start: number) => {
    const message = decode(bytes, start)
    if (message.kind === 'begin') [xid, lsn, op] = [message.xid, message.finalLsn, 0]
    else if (message.kind === 'relation') {
      plan = createPlan(definition, message.relation)
      at = message.relation.columns.findIndex(column => column.name === 'project_id')
    } else if (message.kind === 'update') {
      op += 2
      const board = boards.get(message.next.text(at) ?? '')
      if (board === undefined || plan === undefined) return
      const items = touched.get(board) ?? []
      touched.set(board, items)
      items.push(...plan.encode({ previous: message.previous, next: message.next, xid, lsn, op }, 'update'))
    } else if (message.kind === 'commit') {
      for (const [board, items] of touched) publish(board, items)
      touched = new Map()
    }
  }
  const onKeepalive = (walEnd: bigint) => stream.acknowledge(walEnd)
  void stream.stream('floor', 'floor', { onStart: () => undefined, onData, onKeepalive })
}

await follow()
createServer((request, response) => {
  const [path, search] = (request.url ?? '').split('?', 2)
  if (path === '/v1/health') response.end('{}')
  else
    answer(new URLSearchParams(search), response).catch((error: unknown) => {
      console.error(error)
      response.destroy()
    })
}).listen(Number(process.env.PORT), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
