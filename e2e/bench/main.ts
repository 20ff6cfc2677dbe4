// `npm run bench [-- sync|docs|gate|api]`: every figure that Skerry has, beside a limit measured in the same run, in one table.
// A part has a name of its own, `sync/live`, and a name before the slash stands for all of its parts.
// Ours and the limit alternate over ROUNDS rounds; medians and their ratio count, single times do not.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedPostgres } from '#server/embedded/postgres.ts'
import { createLog } from '#server/kernel/log.ts'
import { benchApi } from './api.ts'
import { benchDocs } from './docs.ts'
import { benchGate } from './gate.ts'
import { syncBenches } from './sync.ts'
import { type Figure, printTable } from './table.ts'

export interface BenchContext {
  readonly databaseUrl: string
  readonly folder: string
  readonly rounds: number
  say(text: string): void
}

const parts = { ...syncBenches, docs: benchDocs, gate: benchGate, api: benchApi } as const
const names = Object.keys(parts)

const wanted = process.argv.slice(2)
const means = (asked: string, name: string): boolean => name === asked || name.startsWith(`${asked}/`)
const unknown = wanted.find(asked => !names.some(name => means(asked, name)))
if (unknown !== undefined) {
  console.error(`There is no bench ${unknown}: ${names.join(', ')}.`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'skerry-bench-'))
const postgres = new EmbeddedPostgres({ folder, log: createLog('error'), settings: { max_connections: '300' } })
const figures: Figure[] = []
try {
  await postgres.start()
  const context: BenchContext = {
    databaseUrl: postgres.url,
    folder,
    rounds: Number(process.env.ROUNDS ?? 3),
    say: text => console.error(text),
  }
  for (const [name, run] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.some(asked => means(asked, name))) continue
    context.say(`bench ${name} …`)
    figures.push(...(await run(context)))
  }
} finally {
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}
console.log(printTable(figures))
