// Which paths are foreman's own, and what they answer where no route is: 404, or 405 with `Allow`. They are never
// proxied, whatever the method.
import type { FastifyInstance, RouteOptions } from 'fastify'
import { METHODS } from 'node:http'
import { ForemanError } from '../job/error.ts'

const prefixes =
  '/jobs /queue /deliveries /events /target /trpc /docs /livez /readyz /metrics /openapi.json /openapi-3.0.json'.split(
    ' ',
  )

/** Whether a path is foreman's, whatever follows the prefix. */
export function isOwn(path: string): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
}

/** Routes that need no token: health, and the documents. */
export function isOpen(route: string | undefined): boolean {
  return route !== undefined && openRoutes.has(route)
}

const openRoutes = new Set(['/livez', '/readyz', '/openapi.json', '/openapi-3.0.json', '/docs', '/docs/*'])

/** The own routes as they are registered. */
export class OwnRoutes {
  readonly #routes: { methods: string[]; pattern: RegExp }[] = []

  /** For the onRoute hook of the scope the own routes are in. */
  readonly add = ({ method, url }: RouteOptions & { url: string }): void => {
    const pattern = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[^/]+/g, '[^/]+')
      .replace('*', '.*')
    this.#routes.push({ methods: [method].flat(), pattern: new RegExp(`^${pattern}$`) })
  }

  /** Registers what answers where no route is. To be called when all routes are there. */
  close(app: FastifyInstance): void {
    for (const url of prefixes.flatMap((prefix) => [prefix, `${prefix}/*`])) {
      const method = METHODS.filter((name) => name !== 'CONNECT' && !app.hasRoute({ method: name, url }))
      if (method.length === 0) continue
      app.route({
        method,
        url,
        // Before the body is parsed: what is wrong with that is not the question here.
        onRequest: (request, reply, done) => {
          const path = request.url.split('?', 1)[0]!
          const allowed = this.#methodsOf(path)
          // A path that fits a route and still came here has too long a name in it for anything to be called so.
          if (allowed.length === 0 || allowed.includes(request.method))
            return done(new ForemanError('not_found', `there is nothing at ${path.slice(0, 200)}`))
          reply.header('allow', allowed.join(', '))
          done(new ForemanError('invalid_request', `${request.method} is not possible here`, { status: 405 }))
        },
        handler: () => undefined,
      })
    }
  }

  #methodsOf(path: string): string[] {
    const methods = this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods)
    return [...new Set(methods)].sort()
  }
}
