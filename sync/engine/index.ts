// The door of the shape engine: `skerry/engine`.
export { createLog, type Log, silentLog } from '#server/kernel/log.ts'
export { createHttpServer, listen } from './http.ts'
export { createEngine, type Engine, type EngineOptions } from './service.ts'
