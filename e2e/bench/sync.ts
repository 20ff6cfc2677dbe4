// Every figure of the shape engine alone (performance targets 1 to 5 and 10).
import { benchCatchUp } from './catch-up.ts'
import { benchFanOut } from './fan-out.ts'
import { benchFirstSync } from './first-sync.ts'
import { benchIdle } from './idle.ts'
import { benchLive } from './live.ts'
import type { BenchContext } from './main.ts'
import type { Figure } from './table.ts'

/** See the header. */
export const benchSync = async (context: BenchContext): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const run of [benchFirstSync, benchCatchUp, benchLive, benchFanOut, benchIdle])
    figures.push(...(await run(context)))
  return figures
}
