// The door of the shape engine: `skerry/engine`.
export { createLog, type Log, silentLog } from '#server/kernel/log.ts'
export { createHttpServer, listen } from './http.ts'
export type { Engine, EngineOptions } from './engine.ts'
export { createEngine } from './service.ts'
