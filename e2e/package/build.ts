// `npm run build` (and before `npm pack`): dist/ with .js and .d.ts, because Node does not strip types below
// node_modules. The .js is what Node itself makes of the .ts, so that the package runs the code that is tested. dist
// has a package.json of its own: there `#server/x.ts` means `./server/x.js`.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const dist = join(root, 'dist')
const folders = ['server', 'sync', 'collab', 'migrations']
/** Folders that hold no code. */
const data = ['e2e/data']

interface Manifest {
  readonly name: string
  readonly version: string
}

/** tsc rewrites relative imports only where it finds no others; those by `#name` are the business of package.json. */
const rewriteImports = (code: string): string =>
  code.replace(/(\bfrom |\bimport |\bimport\()(['"])(\.{1,2}\/[^'"]*)\.ts\2/g, '$1$2$3.js$2')

const emitDeclarations = (): void => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Error('tsc has found errors.')
}

/** The .js beside every .d.ts that tsc has made. */
const emitCode = (): void => {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.d.ts')) continue
    const declarations = join(entry.parentPath, entry.name)
    writeFileSync(declarations, rewriteImports(readFileSync(declarations, 'utf8')))
    const name = relative(dist, declarations).replace(/\.d\.ts$/, '')
    const code = stripTypeScriptTypes(readFileSync(join(root, `${name}.ts`), 'utf8'))
    writeFileSync(join(dist, `${name}.js`), rewriteImports(code))
  }
}

/** What the code reads beside itself: pages, styles, lists. */
const copyAssets = (): void => {
  for (const folder of folders.filter(one => existsSync(join(root, one)))) {
    cpSync(join(root, folder), join(dist, folder), {
      recursive: true,
      filter: path => !['.ts', '.md'].includes(extname(path)) && !/[/\\](testing|__snapshots__)$/.test(path),
    })
  }
  for (const folder of data) cpSync(join(root, folder), join(dist, folder), { recursive: true })
}

const writeManifest = (): void => {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const imports = Object.fromEntries(folders.map(folder => [`#${folder}/*.ts`, `./${folder}/*.js`]))
  const manifest = { name, version, private: true, type: 'module', imports }
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

rmSync(dist, { recursive: true, force: true })
emitDeclarations()
emitCode()
copyAssets()
writeManifest()
chmodSync(join(dist, 'server/cli.js'), 0o755)
