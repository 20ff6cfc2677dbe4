// Figures for Prometheus. One registry per process part; whoever has a figure registers it where it is known.
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  readonly registry: Registry
  /** Seconds of answered requests, by method, route pattern and status. */
  observeRequest(
    labels: { readonly method: string; readonly route: string; readonly status: number },
    seconds: number,
  ): void
}

/** A gauge whose value is asked for when it is read; `read` may take a while, and undefined leaves the figure out. */
export const gauge = (
  registry: Registry,
  name: string,
  help: string,
  read: () => number | undefined | Promise<number | undefined>,
): void => {
  const made = new Gauge({
    name,
    help,
    registers: [registry],
    collect: async () => {
      const value = await read()
      if (value === undefined) made.remove()
      else made.set(value)
    },
  })
}

/** A registry with the process' own figures: CPU, memory, event loop, open files. */
export const createMetrics = (): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const duration = new Histogram({
    name: 'skerry_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer; shapes include their waiting.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
    registers: [registry],
  })
  return {
    registry,
    observeRequest: ({ method, route, status }, seconds) =>
      duration.observe({ method, route, status: String(status) }, seconds),
  }
}
