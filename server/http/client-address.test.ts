import { expect, test } from 'vitest'
import { clientAddress, limitKey } from './client-address.ts'

const trusted = (address: string) => address === '127.0.0.1' || address.startsWith('10.')

test.each([
  ['without proxies the header means nothing', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
  ['through one proxy', '127.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['through two, the caller cannot prepend an address', '127.0.0.1', '6.6.6.6, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
  ['garbage ends the walk', '127.0.0.1', '198.51.100.1, unknown', '127.0.0.1'],
  ['a proxy that says nothing', '127.0.0.1', '', '127.0.0.1'],
  ['IPv4 written as IPv6', '::ffff:127.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
])('%s', (_what, remote, forwarded, expected) => {
  expect(clientAddress(remote, forwarded, trusted)).toBe(expected)
})

test('limits count an IPv6 subscriber as one', () => {
  expect(limitKey('2001:db8:1:2:3:4:5:6')).toBe(limitKey('2001:db8:1:2::9'))
  expect(limitKey('2001:0db8::1')).toBe('2001:db8:0:0::/64')
  expect(limitKey('2001:db8:1:3::9')).not.toBe(limitKey('2001:db8:1:2::9'))
  expect(limitKey('192.0.2.1')).toBe('192.0.2.1')
})
