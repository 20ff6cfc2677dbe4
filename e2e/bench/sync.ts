// Every figure of the shape engine alone (performance targets 1 to 5 and 10).
import { benchCatchUp } from './catch-up.ts'
import { benchFanOut } from './fan-out.ts'
import { benchFirstSync } from './first-sync.ts'
import { benchIdle } from './idle.ts'
import { benchLive } from './live.ts'

/** Its parts, in the order of the targets. */
export const syncBenches = {
  'sync/first': benchFirstSync,
  'sync/catch-up': benchCatchUp,
  'sync/live': benchLive,
  'sync/fan-out': benchFanOut,
  'sync/idle': benchIdle,
} as const
