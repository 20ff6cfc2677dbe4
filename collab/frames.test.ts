// Frames that no client sends, over both protocols.
import * as decoding from 'lib0/decoding'
import { afterEach, expect, test, vi } from 'vitest'
import { closings } from './closing.ts'
import { document, enter, message, raw, rawSocket, start } from './testing/memory-clients.ts'

const bytes = (...content: readonly number[]) => new Uint8Array(content)

// without a database nothing else writes there
const printed = (['error', 'warn', 'log'] as const).map(name => vi.spyOn(console, name))
afterEach(() => {
  for (const spy of printed) expect(spy).not.toHaveBeenCalled()
})

const malformed: Readonly<Record<string, readonly number[]>> = {
  'an unknown kind': [42],
  'a message between servers': [6, 1, 65],
  'no kind': [],
  'no step': [0],
  'an unknown step': [0, 9, 1, 0],
  'a payload that ends early': [0, 2, 200, 1, 0],
  'a state vector that is none': [0, 0, 3, 255, 255, 255],
  'missing updates that are none': [0, 1, 4, 9, 9, 9, 9],
  'an update that is none': [0, 2, 4, 9, 9, 9, 9],
  'states that end early': [1, 2, 1, 5],
  'a state that is no JSON': [1, 5, 1, 1, 1, 1, 123],
  'an authentication without token': [2, 1, 0],
  'a stateless message that ends early': [5, 9, 65],
}

for (const [what, content] of Object.entries(malformed)) {
  test(`C-4 ${what} closes the socket with 4400, before and after the room is entered, and nothing is printed`, async () => {
    const server = await start()
    const codes = [
      await raw(server, `/collab/${document}`, socket => socket.send(bytes(...content))),
      await raw(server, '/collab', socket => void enter(socket).then(() => socket.send(message(document, ...content)))),
    ]
    expect(codes).toEqual([closings.badMessage.code, closings.badMessage.code])
    await server.collab.stop()
    expect(server.store.logs.size).toBe(0)
  })
}

test('C-4 a frame without a room, or with a name without end, closes the socket with 4400', async () => {
  const server = await start()
  for (const frame of [bytes(), bytes(200, 200, 1), message(`${document}\0${'x'.repeat(300)}`, 3)]) {
    expect(await raw(server, '/collab', socket => socket.send(frame))).toBe(closings.badMessage.code)
  }
})

test('C-17 whatever is sent to rooms of no such name goes nowhere; who asks to enter is told', async () => {
  const server = await start()
  const { socket } = await rawSocket(server, '/collab')
  for (let index = 0; index < 150; index += 1) socket.send(message(`no-room:${index}`, 3))
  const decoder = decoding.createDecoder(await enter(socket, 'no-room:7'))
  expect(decoding.readVarString(decoder)).toBe('no-room:7')
  expect([decoding.readVarUint(decoder), decoding.readVarUint(decoder)]).toEqual([2, 1])
  expect(decoding.readVarString(decoder)).toBe('not_found')
  await enter(socket)
})
