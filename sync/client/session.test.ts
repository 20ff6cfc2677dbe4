// What ends a session for the client, and what comes too late to.
import { expect, test } from 'vitest'
import { createApi } from './api.ts'

const unauthenticated = () =>
  Response.json({ error: { code: 'unauthenticated', message: 'Sign in first.' } }, { status: 401 })

test('with a cookie, a refusal of what was asked before somebody signed in again ends nothing', async () => {
  const answers: ((response: Response) => void)[] = []
  const api = createApi({
    url: 'http://127.0.0.1',
    credentials: 'cookie',
    fetch: () => new Promise(resolve => answers.push(resolve)),
  })
  const [early, late] = [api.get('/api/me'), api.get('/api/me')]
  await expect.poll(() => answers.length).toBe(2)
  answers[0]?.(unauthenticated())
  await expect(early).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(api.session.state).toBe('signed_out')
  api.session.resume()
  answers[1]?.(unauthenticated())
  await expect(late).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(api.session.state).toBe('active')
})
