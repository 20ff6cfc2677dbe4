import type { Redis } from '@hocuspocus/extension-redis'
import { Document } from '@hocuspocus/server'
import { expect, test } from 'vitest'
import { silentLog } from '#server/kernel/log.ts'
import { redisCluster } from './redis.ts'

const clusterAt = (url: string, unopened: (name: string) => void = () => {}) =>
  redisCluster(url, silentLog, unopened) as Redis

const placeOf = async (url: string) => {
  const redis = clusterAt(url)
  const { options } = redis.pub
  await redis.onDestroy().catch(() => {})
  return { path: undefined, ...options }
}

test('C-25 Redis is where its URL says: names, IPv6 addresses, passwords, databases, TLS', async () => {
  expect(await placeOf('redis://[::1]:1')).toMatchObject({ host: '::1', port: 1, path: undefined })
  expect(await placeOf('redis://localhost')).toMatchObject({ host: 'localhost', port: 6379, path: undefined, db: 0 })
  expect(await placeOf('rediss://ann:a%2Fb@[2001:db8::7]:1/2')).toMatchObject({
    host: '2001:db8::7',
    port: 1,
    path: undefined,
    username: 'ann',
    password: 'a/b',
    db: 2,
    tls: true,
  })
})

test('C-5 C-25 a document that cannot join the others is ended, and whoever waits for it hears', async () => {
  const unopened: string[] = []
  // nobody listens on port 1
  const redis = clusterAt('redis://[::1]:1', name => unopened.push(name))
  const document = new Document('document:x')
  await expect(redis.afterLoadDocument({ documentName: 'document:x', document } as never)).rejects.toThrow()
  expect(unopened).toEqual(['document:x'])
  expect(document.isDestroyed).toBe(true)
  await redis.onDestroy().catch(() => {})
})
