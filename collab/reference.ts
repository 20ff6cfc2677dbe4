// What the API reference says about /collab.
import { z } from 'zod'
import type { Door } from '#server/kernel/door.ts'
import { tooManySockets } from '#server/kernel/open-limits.ts'
import { type Closing, closings, refusals } from './closing.ts'
import { maxEarly, maxMessageBytes } from './extensions/limits.ts'

const MiB = 1024 * 1024

/** What the libraries close by themselves. */
const ofLibraries: readonly Closing[] = [
  { code: 1009, reason: `A message has more than ${maxMessageBytes / MiB} MiB.` },
  { code: 4408, reason: 'Nothing was heard of the client for too long.' },
  {
    code: 4205,
    reason: `More than ${maxEarly.bytes / MiB} MiB or ${maxEarly.messages} messages before a room was entered.`,
  },
]

const closes = (list: readonly Closing[]): string => {
  const reasons = new Map<number, string[]>()
  for (const { code, reason } of list) reasons.set(code, [...(reasons.get(code) ?? []), reason])
  return [...reasons].map(([code, all]) => `- ${code}: ${all.join(' ')}`).join('\n')
}

const names = Object.keys(refusals).map(reason => `\`${reason}\``)

const answers: Door['answers'] = {
  '101': { description: 'Switches to WebSocket.' },
  '403': { description: 'A page of a foreign origin, without body.' },
  '429': { description: tooManySockets },
}

/** The sockets of documents, in either protocol. */
export const collabDoors: readonly Door[] = [
  {
    method: 'GET',
    path: '/collab',
    summary: 'A WebSocket for documents that are edited together.',
    description: `[Hocuspocus](https://tiptap.dev/docs/hocuspocus)’ protocol: \`new HocuspocusProvider({ url: "wss://…/collab", name: "document:<id>", token })\`. Rooms: \`document:<id>\` with the content in the Yjs field \`default\`, \`presence:<application id>\` for awareness alone. The token is a session’s, an API token with scope \`collab\`, or one of \`POST /auth/collab-token\`; pages of allowed origins may use their cookie. Whoever may read but not write gets a room read-only. Refusals: ${names.join(', ')}.\n\nCloses:\n\n${closes([...Object.values(closings), ...ofLibraries])}`,
    scope: 'collab',
    answers,
  },
  {
    method: 'GET',
    path: '/collab/:room',
    summary: 'The same for y-websocket.',
    description: `\`new WebsocketProvider("wss://…/collab", "document:<id>", doc, { protocols: ["skerry", token] })\`. Refusals are closes:\n\n${closes(Object.values(refusals))}`,
    scope: 'collab',
    params: z.object({ room: z.string().meta({ example: 'document:0198f3c2-7a10-7000-8000-000000000001' }) }),
    headers: z.object({
      'Sec-WebSocket-Protocol': z.string().optional().meta({ description: '`skerry` and the token' }),
    }),
    answers,
  },
]
