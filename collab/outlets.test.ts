import { PassThrough, type Writable } from 'node:stream'
import { expect, test } from 'vitest'
import * as library from 'ws'
import type { WebSocket } from 'ws'
import { createOutlets, frameOf } from './outlets.ts'

/** The parser of clients; its types leave it out. */
const { Receiver } = library as unknown as { Receiver: new (options: { isServer: boolean }) => Writable }

const message = (length: number, first = 1) => Uint8Array.from({ length }, (_, index) => (index * 7 + first) % 256)

/** What the frames say to the other side's parser. */
const received = (frames: readonly Uint8Array[]): Promise<Uint8Array[]> =>
  new Promise((resolve, reject) => {
    const messages: Uint8Array[] = []
    const receiver = new Receiver({ isServer: false })
    receiver.on('message', (data: Buffer, binary: boolean) => {
      expect(binary).toBe(true)
      messages.push(new Uint8Array(data))
    })
    receiver.on('error', reject)
    receiver.on('finish', () => resolve(messages))
    for (const frame of frames) receiver.write(frame)
    receiver.end()
  })

test('C-28 frames of every length are what was sent', async () => {
  const messages = [0, 1, 125, 126, 127, 65_535, 65_536, 1_200_000].map(length => message(length))
  expect(await received(messages.map(frameOf))).toEqual(messages)
})

test('C-28 what one turn has for a client is one write, in order, beside what goes to others', async () => {
  const outlet = createOutlets()
  const clients = [0, 1, 2].map(() => {
    const stream = new PassThrough()
    const ws = { readyState: 1, OPEN: 1, bufferedAmount: 0 } as WebSocket
    return { ws, stream, to: outlet(ws, stream) }
  })
  const all = message(200)
  for (const { to } of clients) to.send(all)
  const own = message(300, 2)
  clients[0]?.to.send(own)
  // the same buffer, filled anew: nothing of the turn before is left
  await new Promise(resolve => setImmediate(resolve))
  all.fill(9)
  for (const { to } of clients) to.send(all)
  await new Promise(resolve => setImmediate(resolve))
  const got = await Promise.all(clients.map(({ stream }) => received([stream.read() as Buffer])))
  expect(got).toEqual([
    [message(200), own, all],
    [message(200), all],
    [message(200), all],
  ])
})

test('C-28 a socket that is closing gets nothing more', () => {
  const stream = new PassThrough()
  const ws = { readyState: 2, OPEN: 1, bufferedAmount: 0 } as WebSocket
  createOutlets()(ws, stream).send(message(10))
  expect(stream.read()).toBeNull()
})
