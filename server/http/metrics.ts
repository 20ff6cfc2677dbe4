// GET /metrics for whoever shows METRICS_TOKEN; without that setting there is no such route.
import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { AppError, notFound } from '#server/kernel/errors.ts'
import type { Metrics } from '#server/kernel/metrics.ts'
import { rawRoute, type Route } from '#server/kernel/route.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()

/** The route, over the registry of `metrics`. */
export const metricsRoute = (metrics: Metrics, token: string | undefined): Route =>
  rawRoute({
    method: 'GET',
    path: '/metrics',
    access: 'PUBLIC',
    summary: 'Figures for Prometheus; Authorization: Bearer METRICS_TOKEN',
    response: z.string(),
    run: async ({ headers }) => {
      if (token === undefined) throw notFound()
      const shown = /^bearer +(.+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? ''
      if (!timingSafeEqual(digest(shown), digest(token))) throw new AppError('unauthenticated')
      const { registry } = metrics
      return {
        status: 200,
        body: Buffer.from(await registry.metrics()),
        headers: { 'content-type': registry.contentType, 'cache-control': 'no-store' },
      }
    },
  })
