// Where a server shall listen, before and when it does: what the system says against it, in words.
import { createServer } from 'node:net'
import { once } from 'node:events'
import { ConfigError } from './config-error.ts'

export interface Address {
  /** Undefined: all addresses. */
  readonly host: string | undefined
  readonly port: number
}

const settings = { host: 'HOST', port: 'PORT' } as const

/**
 * What `error` of listening means for the settings, which are called `names`; an error that has nothing to do with them
 * comes back as it is.
 */
export const addressError = (
  error: unknown,
  { host = 'all addresses', port }: Address,
  names: { readonly host: string; readonly port: string } = settings,
): unknown => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE': {
      const remedy = 'stop the program that listens there, or set a free port'
      return new ConfigError([{ name: names.port, cause: `${port} is in use already on ${host}`, remedy }])
    }
    case 'EACCES': {
      const remedy = 'set a port from 1024 on, and let a proxy forward to it'
      return new ConfigError([{ name: names.port, cause: `this account may not listen on ${port}`, remedy }])
    }
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN': {
      const remedy = 'set 127.0.0.1, 0.0.0.0 for all, or an address that this machine has'
      return new ConfigError([{ name: names.host, cause: `${host} is no address of this machine`, remedy }])
    }
    default:
      return error
  }
}

/** Listens for a moment. Throws ConfigError where that is refused. */
export const tryAddress = async (address: Address): Promise<void> => {
  const server = createServer()
  try {
    server.listen(address.port, address.host)
    await once(server, 'listening')
  } catch (error) {
    throw addressError(error, address)
  }
  server.close()
  await once(server, 'close')
}
