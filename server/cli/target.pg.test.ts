// Whom a command of imports means.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeBoard, type People, signUpPeople } from '#server/testing/board.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import type { CommandSession } from './session.ts'
import { findTarget } from './target.ts'

let server: TestServer
let people: People

beforeAll(async () => {
  server = await startTestServer()
  people = await signUpPeople(server)
})
afterAll(() => server.close())

test('an address is the same however its letters are written, as everywhere else', async () => {
  const { applicationId } = await makeBoard(server, people)
  const { userId } = people.member
  // composed, and with capitals; the command line gives the accent apart
  await server.database.pool.query('update users set email = $2 where id = $1', [userId, 'Jos\u00e9@Example.com'])
  const session: CommandSession = { place: 'here', database: server.database, app: server.app }
  const as = ' JOSE\u0301@example.COM '
  expect(await findTarget(session, { application: applicationId, as })).toMatchObject({ applicationId, userId })
  await expect(findTarget(session, { application: 'None', as })).rejects.toThrow(applicationId)
})
