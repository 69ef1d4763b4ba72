// Which paths are foreman's own, and what they answer where no route is: 404, or 405 with `Allow`. They are never
// proxied, whatever the method.
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { ForemanError } from '../job/error.ts'
import { originForm, pathOf } from './peek.ts'

const prefixes = new Set(
  '/jobs /queue /deliveries /events /target /trpc /docs /livez /readyz /metrics /openapi.json /openapi-3.0.json'.split(
    ' ',
  ),
)

/** The path of a request target as the router reads it: decoded, and without a fragment, which the target would keep. */
export function routedPath(url: string): string {
  return pathOf(originForm(url).split('#', 1)[0]!)
}

/** Whether a path is foreman's, whatever follows the prefix. */
export function isOwn(path: string): boolean {
  const end = path.indexOf('/', 1)
  return prefixes.has(end < 0 ? path : path.slice(0, end))
}

/** Routes that need no token: health, and the documents. */
export function isOpen(route: string | undefined): boolean {
  return route !== undefined && openRoutes.has(route)
}

const openRoutes = new Set('/livez /readyz /openapi.json /openapi-3.0.json /docs /docs/redoc.js'.split(' '))

/** The own routes as they are registered. */
export class OwnRoutes {
  readonly #routes: { url: string; methods: string[]; pattern: RegExp }[] = []

  /** For the onRoute hook of the scope the own routes are in. */
  readonly add = ({ method, url }: RouteOptions & { url: string }): void => {
    const pattern = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[^/]+/g, '[^/]+')
      .replace('*', '.*')
    this.#routes.push({ url, methods: [method].flat(), pattern: new RegExp(`^${pattern}$`) })
  }

  /** Why nothing answers an own path where no route is; says what would in `Allow`. */
  nothing({ method, url }: FastifyRequest, reply: FastifyReply): ForemanError {
    const path = routedPath(url)
    const allowed = this.methodsAt(url)
    // A path that fits a route and still came here has too long a name in it for anything to be called so.
    if (allowed.length === 0 || allowed.includes(method))
      return new ForemanError('not_found', `there is nothing at ${path.slice(0, 200)}`)
    reply.header('allow', allowed.join(', '))
    return new ForemanError('invalid_request', `${method} is not possible here`, { status: 405 })
  }

  /** What is possible at the path of `url`, in the order of the alphabet. */
  readonly methodsAt = (url: string): string[] => {
    const path = routedPath(url)
    const fitting = this.#routes.filter(({ pattern }) => pattern.test(path))
    // A name of a route's own is not taken for an id: nothing is called so.
    const literal = fitting.filter(({ url }) => url === path)
    return [...new Set((literal.length > 0 ? literal : fitting).flatMap((route) => route.methods))].sort()
  }
}
