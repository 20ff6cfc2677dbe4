// Checks and orders the routes before they are mounted: what is wrong with a route table stops the server at its start.
import type { Route } from '#server/kernel/route.ts'

export interface MountedRoute {
  readonly route: Route
  /** The route's path or one of its aliases. */
  readonly path: string
}

const accesses = new Set<string | undefined>([
  'PUBLIC',
  'USER',
  'SELF',
  'MEMBER',
  'EDITOR',
  'OWNER',
  'CONTRIB',
  'PADMIN',
  'DOCVIEW',
  'DOCEDIT',
  'AUTHOR',
  'ADMIN',
])

const checkRoute = (route: Route): void => {
  const where = `route ${route.method} ${route.path}`
  // types say so already; this is for what arrives untyped (generated or cast tables)
  if (!accesses.has(route.access)) throw new Error(`${where} does not say who may call it (access)`)
  if (route.kind !== 'raw' && route.access === 'PUBLIC') throw new Error(`${where}: only raw routes may be PUBLIC`)
  for (const path of [route.path, ...(route.aliases ?? [])]) {
    if (!/^(\/|(\/(:[a-z][a-z0-9_]*|[A-Za-z0-9._-]+))+)$/.test(path)) throw new Error(`${where} has a bad path ${path}`)
  }
}

/** Is the parameter `name` the id of a row? */
export const namesId = (name: string): boolean => /(^|_)id$/.test(name)

const isParam = (segment: string): boolean => segment.startsWith(':')

/** The path with parameter names taken out: two routes with the same shape would hide each other. */
const shapeOf = (path: string): string => path.replace(/:[a-z0-9_]+/g, ':')

/** Literal segments come before parameters, at the first segment where two paths differ. */
const bySpecificity = (a: MountedRoute, b: MountedRoute): number => {
  const left = a.path.split('/')
  const right = b.path.split('/')
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const difference = Number(isParam(left[index] ?? '')) - Number(isParam(right[index] ?? ''))
    if (difference !== 0) return difference
  }
  return 0
}

/** All paths in the order in which they have to be tried. Throws on a route without access, or mounted twice. */
export const routeTable = (routes: readonly Route[]): MountedRoute[] => {
  const seen = new Set<string>()
  const table = routes.flatMap(route => {
    checkRoute(route)
    return [route.path, ...(route.aliases ?? [])].map(path => {
      const key = `${route.method} ${shapeOf(path)}`
      if (seen.has(key)) throw new Error(`route ${route.method} ${path} is mounted twice`)
      seen.add(key)
      return { route, path }
    })
  })
  return table.sort(bySpecificity)
}
