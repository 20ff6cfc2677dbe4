import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { ConfigError } from '#server/kernel/config-error.ts'
import { databasePlace, migrateDatabase } from './database-address.ts'

const dataDir = '/data'

test('a database that does not answer is said with setting, cause and remedy', async () => {
  // nobody listens on port 1
  const url = 'postgres://u:p@127.0.0.1:1/x'
  const refused = migrateDatabase({ databaseUrl: url, dataDir }, url)
  await expect(refused).rejects.toThrow(ConfigError)
  await expect(refused).rejects.toThrow(
    'DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1\n    → start Postgres, or correct host and port in the URL',
  )
  // the server that we bring along is no setting
  const own = migrateDatabase({ databaseUrl: 'embedded', dataDir }, url)
  await expect(own).rejects.toThrow('connect ECONNREFUSED')
  await expect(own).rejects.not.toThrow(ConfigError)
})

test('a database that takes connections and says nothing is given up', async () => {
  const sockets: Socket[] = []
  const server = createServer(socket => void sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `postgres://u:p@127.0.0.1:${(server.address() as AddressInfo).port}/x`
  try {
    await expect(migrateDatabase({ databaseUrl: url, dataDir }, url, { connectMs: 50 })).rejects.toThrow(
      /DATABASE_URL: .*timeout.*\n {4}→ see whether a firewall stands between/,
    )
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

test('where the database is, without its password', () => {
  expect(databasePlace({ databaseUrl: 'embedded', dataDir })).toBe('the database of /data (DATA_DIR)')
  const databaseUrl = 'postgres://ann:secret@db.example.com:6432/boards?sslmode=require'
  expect(databasePlace({ databaseUrl, dataDir })).toBe('the database db.example.com:6432/boards (DATABASE_URL)')
})
