import { expect, test } from 'vitest'
import { holderIn } from './lock.ts'

// as Linux makes them of major and minor
const first = { dev: 0xfe00n, ino: 4711n }
const second = { dev: 0x1030cn, ino: 4711n }

const line = (pid: number, place: string, how = 'POSIX  ADVISORY  WRITE') =>
  `7: ${how} ${pid} ${place} 1073741826 1073742335\n`

test('the holder of a lock is that of this file on this device', () => {
  const locks = line(11, '08:01:4711') + line(22, 'fe:00:4711') + line(33, 'fe:00:47110')
  expect(holderIn(locks, first)).toBe(22)
  expect(holderIn(locks, second)).toBeUndefined()
  expect(holderIn(locks + line(44, '103:0c:4711'), second)).toBe(44)
  // more than 8 bits of minor
  expect(holderIn(line(55, '08:1ff:4711'), { dev: 0x1008ffn, ino: 4711n })).toBe(55)
})

test('nobody is named in doubt: several, one that waits or reads, one of another container', () => {
  expect(holderIn(line(22, 'fe:00:4711') + line(22, 'fe:00:4711'), first)).toBe(22)
  expect(holderIn(line(22, 'fe:00:4711') + line(33, 'fe:00:4711'), first)).toBeUndefined()
  expect(holderIn(line(22, 'fe:00:4711', 'POSIX  ADVISORY  READ '), first)).toBeUndefined()
  expect(holderIn(line(22, 'fe:00:4711', '-> POSIX  ADVISORY  WRITE'), first)).toBeUndefined()
  expect(holderIn(line(0, 'fe:00:4711'), first)).toBeUndefined()
})
