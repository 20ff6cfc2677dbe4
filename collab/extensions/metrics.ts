// Figures of the sockets for Prometheus.
import { Counter, Histogram } from 'prom-client'
import { gauge, type Metrics } from '#server/kernel/metrics.ts'

export interface CollabFigures {
  readonly sockets: () => number
  readonly documents: () => number
  readonly sleeping: () => number
  readonly unlogged: () => number
  readonly unstored: () => number
  readonly storeFailures: () => number
}

/** Registers the figures; the answer is told of each statement of the update log. */
export const collabMetrics = (
  { registry }: Metrics,
  figures: CollabFigures,
): ((updates: number, ms: number) => void) => {
  gauge(registry, 'skerry_collab_sockets', 'Open WebSockets at /collab.', figures.sockets)
  gauge(registry, 'skerry_collab_documents', 'Documents and presence rooms in memory.', figures.documents)
  gauge(registry, 'skerry_collab_sleeping_documents', 'Those of them that are only bytes so far.', figures.sleeping)
  gauge(registry, 'skerry_collab_unlogged_updates', 'Updates on their way into the log.', figures.unlogged)
  gauge(registry, 'skerry_collab_unstored_documents', 'Documents whose log is to be folded.', figures.unstored)
  gauge(registry, 'skerry_collab_store_failures', 'Failed attempts to store a document.', figures.storeFailures)
  const updates = new Counter({
    name: 'skerry_collab_logged_updates_total',
    help: 'Updates that went into the log.',
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'skerry_collab_log_seconds',
    help: 'Time of one statement of the update log.',
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers: [registry],
  })
  return (count, ms) => {
    updates.inc(count)
    seconds.observe(ms / 1000)
  }
}
