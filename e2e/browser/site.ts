// The example board (`site/`), built in memory by Vite and served from a port of its own, as an application's page is.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('site/', import.meta.url))
const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
}

export interface Site {
  /** Without a slash at the end. */
  readonly origin: string
  close(): Promise<void>
}

const buildFiles = async (): Promise<Map<string, string | Uint8Array>> => {
  const names = { entryFileNames: 'main.js', assetFileNames: 'main.[ext]' }
  const built = await build({
    root,
    base: './',
    configFile: false,
    logLevel: 'warn',
    build: { write: false, minify: false, modulePreload: false, target: 'esnext', rolldownOptions: { output: names } },
  })
  const files = new Map<string, string | Uint8Array>([['sw.js', readFileSync(new URL('site/sw.js', import.meta.url))]])
  for (const one of [built].flat()) {
    if (!('output' in one)) throw new Error('Vite is watching instead of building.')
    for (const file of one.output) files.set(file.fileName, file.type === 'chunk' ? file.code : file.source)
  }
  return files
}

/** Builds and serves the page on a free port of this machine, which browsers hold for secure. */
export const serveSite = async (): Promise<Site> => {
  const files = await buildFiles()
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1) || 'index.html'
    const file = files.get(name)
    if (file === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[name.split('.').at(-1) ?? ''] ?? 'text/plain' }).end(file)
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => {
        server.close(resolve)
      })
    },
  }
}
