// Redis as a process of a test's own: nothing on disk, a free port.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { must } from '#server/kernel/must.ts'
import { until } from '#server/testing/postgres.ts'
import { freePort } from '../bench/processes.ts'
import { findProgram } from '../debian/packages.ts'

export interface RedisProcess {
  readonly url: string
  stop(): Promise<void>
}

const takesConnections = (port: number): Promise<boolean> =>
  new Promise(done => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })

/** Starts it and waits until it takes connections. */
export const startRedis = async (): Promise<RedisProcess> => {
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn(must(findProgram('redis'), 'redis-server'), args, { stdio: 'ignore' })
  const gone = once(child, 'exit')
  await until('Redis answers', async () => {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
    return takesConnections(port)
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM')
      await gone
    },
  }
}
