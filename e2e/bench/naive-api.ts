// The peer of the API bench: the same change of a task as a careful but plain Koa and pg handler would make it, seven
// round trips one after the other: session, begin, permission, update, activity, replay row, commit.
import { createHash, randomUUID } from 'node:crypto'
import Koa from 'koa'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 })

const bodyOf = async (request: AsyncIterable<Buffer>): Promise<{ title: string; description: string }> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return JSON.parse(Buffer.concat(pieces).toString()) as { title: string; description: string }
}

const app = new Koa()
app.use(async ctx => {
  if (ctx.path === '/health') return void (ctx.status = 200)
  const body = await bodyOf(ctx.req)
  const id = ctx.path.split('/').at(-1)
  const token = ctx.get('authorization').slice('Bearer '.length)
  const client = await pool.connect()
  try {
    const session = await client.query(
      `select u.id, u.display_name from sessions s join users u on u.id = s.user_id
       where s.id = $1 and s.expires_at > now() and u.disabled_at is null`,
      [createHash('sha256').update(token).digest('hex')],
    )
    const user = session.rows[0] as { id: string; display_name: string } | undefined
    if (!user) return void (ctx.status = 401)
    await client.query('begin')
    const member = await client.query(
      `select m.role from tasks t join application_members m on m.application_id = t.application_id
       where t.id = $1 and m.user_id = $2`,
      [id, user.id],
    )
    if (!['owner', 'editor'].includes((member.rows[0] as { role: string } | undefined)?.role ?? ''))
      return void (ctx.status = 404)
    const updated = await client.query('update tasks set title = $1, description = $2 where id = $3 returning *', [
      body.title,
      body.description,
      id,
    ])
    const task = updated.rows[0] as { application_id: string; project_id: string; title: string }
    await client.query(
      `insert into activities (id, application_id, project_id, task_id, actor_id, actor_name, actor_kind, action,
         entity_type, entity_id, entity_label, edited_at, via, transaction_id)
       values ($1, $2, $3, $4, $5, $6, 'user', 'task.update', 'task', $4, $7, now(), 'api', $1)`,
      [randomUUID(), task.application_id, task.project_id, id, user.id, user.display_name, task.title],
    )
    const answer = JSON.stringify({ data: task })
    await client.query(
      'insert into idempotency_keys (user_id, key, request_hash, status, response) values ($1, $2, $3, 200, $4)',
      [user.id, randomUUID(), createHash('sha256').update(answer).digest('hex'), answer],
    )
    await client.query('commit')
    ctx.type = 'application/json'
    ctx.body = answer
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})
const server = app.listen(Number(process.env.PORT), '127.0.0.1')
process.once('SIGTERM', () => {
  server.closeAllConnections()
  server.close(() => void pool.end())
})
