// /api/docs: swagger-ui from node_modules, so that the page works without any other host.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { rawRoute, type Route } from '#server/kernel/route.ts'

const folder = () => dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Skerry API</title>
<link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
<div id="reference"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
`

const start = `SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null,
})
`

// swagger-ui writes style attributes and draws its icons from data URLs
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"

const file = (path: string, type: string, read: () => Promise<Uint8Array>, cache: string): Route =>
  rawRoute({
    method: 'GET',
    path,
    access: 'PUBLIC',
    summary: 'Part of the documentation page',
    response: z.unknown(),
    run: async () => ({
      status: 200,
      body: await read(),
      headers: { 'content-type': type, 'content-security-policy': policy, 'cache-control': cache },
    }),
  })

const asset = (name: string, type: string): Route => {
  let bytes: Promise<Uint8Array> | undefined
  return file(`/api/docs/${name}`, type, () => (bytes ??= readFile(join(folder(), name))), 'public, max-age=86400')
}

/** The page and its parts. */
export const docsRoutes = (): Route[] => [
  file('/api/docs', 'text/html; charset=utf-8', async () => Buffer.from(page), 'no-cache'),
  file('/api/docs/start.js', 'text/javascript; charset=utf-8', async () => Buffer.from(start), 'no-cache'),
  asset('favicon-32x32.png', 'image/png'),
  asset('swagger-ui.css', 'text/css; charset=utf-8'),
  asset('swagger-ui-bundle.js', 'text/javascript; charset=utf-8'),
]
