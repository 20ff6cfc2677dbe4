// How V8 compiles the parser: once, and never again. Its largest functions are generated tables of Postgres' grammar. To
// optimise them takes V8 a second and 550 MB of memory beside the running engine, and clauses are parsed no faster after
// it (both 0.035 ms). Imported before the parser: flags count for modules that are compiled later.
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--no-wasm-tier-up')
setFlagsFromString('--no-wasm-dynamic-tiering')
