// What every request meets first, on own and proxied routes alike: whether its head is one at all, the Host rule, the
// rule of origins, preflights and the token. A refusal is an error like any other; the scope it happens in gives it its shape.
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { ForemanError } from '../job/error.ts'
import type { Hosts, Tokens } from './auth.ts'
import { faultOf, hostOf } from './head.ts'
import { corsHeaders, preflightHeaders, type Origins } from './origin.ts'

export interface GateOptions {
  tokens: Tokens
  /** Asked only when no token is required. */
  hosts: Hosts
  origins: Origins
  /** Routes that need no token, by the pattern that a request was matched with, however its path is written. */
  open?: (route: string | undefined) => boolean
  /** Methods that are possible at a path, for those who ask OPTIONS; every path's unless given. */
  methods?: (url: string) => readonly string[]
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The origin of the page that asks and may read the answer, or ''. */
    corsOrigin: string
  }
}

/** An onRequest hook that lets in who may come in. */
export function gate({ tokens, hosts, origins, open, methods = anyMethod }: GateOptions): onRequestHookHandler {
  return (request, reply, done) => {
    const { raw } = request
    const { headers } = raw
    // The answer before it said that it is the last: nobody would hear of this one, so it must not happen either.
    if (!raw.socket.writable) return void raw.socket.destroy()
    const fault = faultOf(raw)
    if (fault) {
      reply.header('connection', 'close')
      return done(fault)
    }
    const host = hostOf(raw)
    if (!tokens.required && !hosts.accepts(host, raw.socket.localAddress)) {
      return done(new ForemanError('forbidden', `Host ${host ?? ''} is not served here; FOREMAN_HOSTS can add it`))
    }
    const { origin } = headers
    const allowed = origin !== undefined && origins.allows(origin, host)
    if (raw.method === 'OPTIONS') return void preflight(request, reply, origin, allowed, methods)
    if (allowed) {
      request.corsOrigin = origin
      const lines = corsHeaders(origin)
      for (let i = 0; i < lines.length; i += 2) reply.header(lines[i]!, lines[i + 1])
    } else if (origin !== undefined && raw.method !== 'GET' && raw.method !== 'HEAD') {
      return done(new ForemanError('forbidden', `pages of ${origin} may not call; FOREMAN_CORS_ORIGINS can add it`))
    }
    if (tokens.required && !tokens.accepts(headers) && !open?.(request.routeOptions.url)) {
      const given = headers.authorization !== undefined || headers['x-api-key'] !== undefined
      return done(new ForemanError('unauthorized', given ? 'the token is not accepted' : 'a token is required'))
    }
    done()
  }
}

const anyMethod = () => ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

function preflight(
  request: FastifyRequest,
  reply: FastifyReply,
  origin: string | undefined,
  allowed: boolean,
  methods: NonNullable<GateOptions['methods']>,
): void {
  if (origin !== undefined && !allowed) reply.code(403).send()
  else if (origin === undefined)
    reply
      .code(204)
      .header('allow', [...methods(request.raw.url!), 'OPTIONS'].join(', '))
      .send()
  else reply.code(204).headers(preflightHeaders(origin, request.headers['access-control-request-headers'])).send()
}
