// What the API reference says about /collab.
import { z } from 'zod'
import type { Door } from '#server/kernel/door.ts'
import { type Closing, closings } from './closing.ts'

const closes = (list: Readonly<Record<string, Closing>>): string =>
  Object.values(list)
    .map(({ code, reason }) => `- ${code}: ${reason}`)
    .join('\n')

const answers: Door['answers'] = {
  '101': { description: 'Switches to WebSocket.' },
  '403': { description: 'A page of a foreign origin, without body.' },
  '429': { description: 'More than 500 open sockets of one address, without body.' },
}

/** The sockets of documents, in either protocol. */
export const collabDoors: readonly Door[] = [
  {
    method: 'GET',
    path: '/collab',
    summary: 'A WebSocket for documents that are edited together.',
    description: `[Hocuspocus](https://tiptap.dev/docs/hocuspocus)’ protocol: \`new HocuspocusProvider({ url: "wss://…/collab", name: "document:<id>", token })\`. Rooms: \`document:<id>\` with the content in the Yjs field \`default\`, \`presence:<application id>\` for awareness alone. The token is a session’s, an API token with scope \`collab\`, or one of \`POST /auth/collab-token\`; pages of allowed origins may use their cookie. Whoever may read but not write gets a room read-only. Refusals: \`unauthenticated\`, \`scope_missing\`, \`not_found\`, \`limit_reached\`, \`unavailable\`.\n\nCloses:\n\n${closes(closings)}`,
    scope: 'collab',
    answers,
  },
  {
    method: 'GET',
    path: '/collab/:room',
    summary: 'The same for y-websocket.',
    description:
      '`new WebsocketProvider("wss://…/collab", "document:<id>", doc, { protocols: ["skerry", token] })`. Refusals are closes: 4401 nobody, 4403 no access or no scope `collab`, 1013 too much.',
    scope: 'collab',
    params: z.object({ room: z.string().meta({ example: 'document:0198f3c2-7a10-7000-8000-000000000001' }) }),
    headers: z.object({
      'Sec-WebSocket-Protocol': z.string().optional().meta({ description: '`skerry` and the token' }),
    }),
    answers,
  },
]
