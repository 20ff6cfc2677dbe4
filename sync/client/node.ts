// What the client library has for Node alone: `skerry/client/node`.
export { openNodeStore } from './node-store.ts'
