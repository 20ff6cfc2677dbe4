// What the API reference says about /sync.
import type { Door } from '#server/kernel/door.ts'
import { shapeBodyBytes, tooManySockets } from '#server/kernel/open-limits.ts'

/** The socket of shapes. */
export const syncDoor: Door = {
  method: 'GET',
  path: '/sync',
  summary: 'A WebSocket that carries requests to shapes.',
  description: [
    'Many shapes over one connection: each request is answered as `/api/shapes/{name}` would answer it. Frames are JSON texts.',
    '',
    '- To the server: `{"id": 1, "url": "/api/shapes/tasks?…", "method": "GET", "headers": {}, "body": ""}`; the last three may be left out. `{"id": 1, "abort": true}` gives a request up.',
    '- From the server: `{"id": 1, "status": 200, "headers": {}, "body": "…"}`; with `"more": true` further frames `{"id": 1, "body": "…"}` follow, the last one without `more`.',
    '',
    `The caller is named by the header \`authorization\` of a frame or, without it, by cookie or header of the upgrade. Closes: 1008 a frame that cannot be read, 1009 one of more than ${shapeBodyBytes / 1024 / 1024} MiB, 1001 the server stops. \`sync/client\` of Skerry uses it as the \`fetchClient\` of the official client.`,
  ].join('\n'),
  scope: 'read',
  answers: {
    '101': { description: 'Switches to WebSocket.' },
    '403': { description: 'A page of a foreign origin, without body.' },
    '429': { description: tooManySockets },
    '503': { description: 'The server stops, without body.' },
  },
}
