// The server of a test file with people in every role; it ends with the file.
import { afterAll } from 'vitest'
import { type People, signUpPeople } from './board.ts'
import { startTestServer, type TestServer } from './server.ts'

/** Starts a server and signs six people up; for the top of a test file. */
export const startWithPeople = async (): Promise<{ server: TestServer; people: People }> => {
  const server = await startTestServer()
  afterAll(() => server.close())
  return { server, people: await signUpPeople(server) }
}
