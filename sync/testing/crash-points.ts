// Killing the engine at a named point: the n-th time that it is passed, the process is gone, without any goodbye.
import { type CrashPoint, crashPoints, passThrough, type Reach } from '../engine/crash-point.ts'

export { type CrashPoint, crashPoints }

/** `<point>:<n>` → a Reach that kills this process when `point` is passed for the n-th time. */
export const crashAt = (spec: string | undefined): Reach => {
  if (spec === undefined || spec === '') return passThrough
  const [point, count] = spec.split(':')
  let left = Number(count)
  return reached => {
    if (reached !== point) return
    left -= 1
    if (left <= 0) process.kill(process.pid, 'SIGKILL')
  }
}
