// Requests of the sync benches as a client sends them, counting bytes on the wire and parsing nothing.
import { Agent, request } from 'node:http'

/** Where a reader stands. */
export interface Position {
  readonly offset: string
  readonly handle: string
}

export interface Read extends Position {
  readonly ms: number
  /** As they came, compressed or not. */
  readonly bytes: number
}

const agent = new Agent({ keepAlive: true })

const get = (url: string, coding: string): Promise<{ headers: NodeJS.Dict<string | string[]>; bytes: number }> =>
  new Promise((done, fail) => {
    const call = request(url, { agent, headers: { 'accept-encoding': coding } }, response => {
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        bytes += piece.length
      })
      response.on('end', () =>
        response.statusCode === 200
          ? done({ headers: response.headers, bytes })
          : fail(new Error(`${url}: ${response.statusCode}`)),
      )
      response.on('error', fail)
    })
    call.on('error', fail)
    call.end()
  })

/** The path and query of a shape of `tasks`: all rows, or those of one board. */
export const shapeOf = (board?: string): string =>
  `/v1/shape?table=tasks${board === undefined ? '' : `&where=${encodeURIComponent(`project_id = '${board}'`)}`}`

/** Follows a shape from `from`, or from its beginning, until it is up to date. */
export const readToEnd = async (shape: string, from?: Position, coding = 'identity'): Promise<Read> => {
  const begin = performance.now()
  let bytes = 0
  let { offset, handle } = from ?? { offset: '-1', handle: '' }
  for (;;) {
    const answer = await get(`${shape}&offset=${offset}${handle && `&handle=${handle}`}`, coding)
    bytes += answer.bytes
    offset = String(answer.headers['electric-offset'])
    handle = String(answer.headers['electric-handle'])
    if ('electric-up-to-date' in answer.headers) return { offset, handle, bytes, ms: performance.now() - begin }
  }
}
