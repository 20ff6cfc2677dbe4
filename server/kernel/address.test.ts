import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { addressError, tryAddress } from './address.ts'

const host = '127.0.0.1'

test('a port in use is said with the setting, and a trial leaves it free', async () => {
  const taken = createServer()
  taken.listen(0, host)
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  await expect(tryAddress({ host, port })).rejects.toThrow(/PORT: \d+ is in use already on 127\.0\.0\.1\n {4}→ /)
  taken.close()
  await once(taken, 'close')
  await tryAddress({ host, port })
  taken.listen(port, host)
  await once(taken, 'listening')
  taken.close()
})

test('an address of another machine, a port for root alone, and what is nobody’s setting', async () => {
  // TEST-NET-1: no machine has it
  await expect(tryAddress({ host: '192.0.2.1', port: 0 })).rejects.toThrow(/HOST: 192\.0\.2\.1 is no address/)
  const refused = Object.assign(new Error('listen EACCES'), { code: 'EACCES' })
  expect(String(addressError(refused, { host, port: 80 }))).toMatch(/PORT: this account may not listen on 80/)
  expect(String(addressError(refused, { host: undefined, port: 80 }, { host: '--host', port: '--port' }))).toMatch(
    /--port: /,
  )
  const other = new Error('listen EMFILE')
  expect(addressError(other, { host, port: 80 })).toBe(other)
})
