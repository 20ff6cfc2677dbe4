// Whose address is it: X-Forwarded-For counts only as far as trusted proxies wrote it.
import { isIP, isIPv4 } from 'node:net'

const unmapped = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)

/**
 * Walks from the socket leftwards through X-Forwarded-For while the address in hand is a trusted proxy; the first one
 * that is not is the caller. Garbage in the header ends the walk.
 */
export const clientAddress = (
  remote: string | undefined,
  forwarded: string | undefined,
  isTrusted: (address: string) => boolean,
): string => {
  let address = unmapped(remote ?? '')
  const hops = (forwarded ?? '').split(',').map(hop => unmapped(hop.trim()))
  while (isTrusted(address)) {
    const before = hops.pop()
    if (before === undefined || isIP(before) === 0) break
    address = before
  }
  return address
}

/** What limits count by: an IPv4 address, or the /64 network that one IPv6 subscriber holds. */
export const limitKey = (address: string): string => {
  if (isIPv4(address) || isIP(address) === 0) return address
  const [head = '', tail = ''] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = address.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left
  return `${groups
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
