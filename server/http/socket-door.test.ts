import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { AppError } from '#server/kernel/errors.ts'
import { socketDoor } from './socket-door.ts'

/** A socket that notes what is written to it. */
const noting = () => {
  let said = ''
  const socket = new Duplex({
    read: () => {},
    write: (piece, _encoding, done) => {
      said += String(piece)
      done()
    },
  })
  return { socket, said: () => said.split('\r\n', 1)[0] }
}

const doorOf = (limited: boolean) => {
  let passed = 0
  const door = socketDoor({
    target: { upgrade: () => (passed += 1), end: () => {} },
    checkUpgrade: ({ headers }) => {
      if (headers.origin === 'https://evil.test') throw new AppError('csrf_failed')
    },
    addressOf: ({ headers }) => String(headers.host),
    limited,
  })
  const knock = (host: string, origin?: string) => {
    const { socket, said } = noting()
    door({ headers: { host, origin } } as IncomingMessage, socket, Buffer.alloc(0))
    return { socket, said }
  }
  return { knock, passed: () => passed }
}

test('C-22 an address has five hundred sockets; the next is 429 until one of them closes', async () => {
  const { knock, passed } = doorOf(true)
  const all = Array.from({ length: 500 }, () => knock('192.0.2.1'))
  expect(passed()).toBe(500)
  expect(knock('192.0.2.1').said()).toBe('HTTP/1.1 429 Too Many Requests')
  expect(knock('192.0.2.2').said()).toBe('')
  expect(passed()).toBe(501)
  const closed = new Promise(done => all[0]?.socket.once('close', done))
  all[0]?.socket.destroy()
  await closed
  expect(knock('192.0.2.1').said()).toBe('')
  expect(passed()).toBe(502)
})

test('a foreign page is 403 and does not count; without limits nobody is counted', () => {
  const { knock, passed } = doorOf(true)
  expect(knock('192.0.2.1', 'https://evil.test').said()).toBe('HTTP/1.1 403 Forbidden')
  expect(passed()).toBe(0)
  const open = doorOf(false)
  for (let index = 0; index < 501; index += 1) open.knock('192.0.2.1')
  expect(open.passed()).toBe(501)
})
