// Events between server processes (and the command line): LISTEN/NOTIFY. In one process they arrive directly; a lost
// notification costs at most one poll, since every request is judged anew.
import pg from 'pg'
import type { DomainEvent } from './command.ts'
import { backoff, pause, type Service } from './lifecycle.ts'
import type { Log } from './log.ts'

const channel = 'skerry_events'

export interface Bus extends Service {
  /** Hands `events` to the listeners here and, without waiting, to the other processes. */
  publish(events: readonly DomainEvent[]): void
  subscribe(listener: (event: DomainEvent) => void): void
}

/** A bus over the database at `url`. `origin` names this process, so that it does not hear itself twice. */
export const createBus = (options: {
  readonly url: () => string
  readonly notify: (channel: string, payload: string) => Promise<void>
  readonly origin: string
  readonly log: Log
}): Bus => {
  const { log, origin } = options
  const listeners: ((event: DomainEvent) => void)[] = []
  const stopping = new AbortController()
  let client: pg.Client | undefined
  let loop: Promise<void> | undefined

  const deliver = (event: DomainEvent) => {
    for (const listener of listeners) {
      try {
        listener(event)
      } catch (error) {
        log.error('an event listener failed', { error, type: event.type })
      }
    }
  }

  const onNotification = (payload: string | undefined) => {
    try {
      const message = JSON.parse(payload ?? '') as { origin: string; event: DomainEvent }
      if (message.origin !== origin) deliver(message.event)
    } catch (error) {
      log.warn('a notification could not be read', { error })
    }
  }

  const listenOnce = async (): Promise<void> => {
    const fresh = new pg.Client({ connectionString: options.url(), keepAlive: true, application_name: 'skerry-bus' })
    const ended = new Promise<void>(done => fresh.once('end', () => done()))
    fresh.on('error', error => log.warn('the event connection failed', { error }))
    fresh.on('notification', message => onNotification(message.payload))
    await fresh.connect()
    // a stop that came while the connection was being made has had nothing to end
    if (stopping.signal.aborted) return fresh.end()
    client = fresh
    await fresh.query(`listen ${channel}`)
    await ended
  }

  const run = async (): Promise<void> => {
    for (let attempt = 0; !stopping.signal.aborted; attempt += 1) {
      const begun = Date.now()
      await listenOnce().catch((error: unknown) => log.warn('no event connection', { error }))
      if (Date.now() - begun > 10_000) attempt = 0
      await pause(backoff(attempt, 100, 5000), stopping.signal)
    }
  }

  return {
    name: 'bus',
    start: async () => {
      loop = run()
    },
    stop: async () => {
      stopping.abort()
      await client?.end().catch(() => {})
      await loop
    },
    publish: events => {
      for (const event of events) {
        deliver(event)
        options.notify(channel, JSON.stringify({ origin, event })).catch((error: unknown) => {
          log.warn('other processes were not told', { error, type: event.type })
        })
      }
    },
    subscribe: listener => void listeners.push(listener),
  }
}
