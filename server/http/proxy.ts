// Everything that is not foreman's own goes to the target: the routes, through @fastify/http-proxy with a handler of
// our own, and the connections to the target. What happens to one request is passage.ts.
import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { METHODS } from 'node:http'
import { Pool } from 'undici'
import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import type { People } from '../people/people.ts'
import { Active } from './active.ts'
import { Memory } from './memory.ts'
import { nativeAnswer } from './native.ts'
import { corsHeaders } from './origin.ts'
import { Passage } from './passage.ts'
import { originForm, pathOf, routeOf } from './peek.ts'
import { problemOf } from './problem.ts'
import type { Call, Served, Way } from './way.ts'

export interface ProxyOptions {
  /** http or https; a path is put before every forwarded one. */
  targetUrl: string
  /** The bearer the target gets. */
  targetToken?: string
  /** foreman's own tokens, which the target never gets. */
  tokens: readonly string[]
  people: People
  /** Takes a call whose caller wants a job in its place, and answers it. False: it passes. */
  defer?: ((call: Call) => boolean) | undefined
  clock: Clock
  /** Registers routes that are answered here if foreman knows what they are about, and handed on with `pass` if not. */
  ahead?: (app: FastifyInstance, pass: Pass) => void
  /** A proxied request has ended, whichever way. */
  onServed: (served: Served) => void
  /** What was thrown is unknown: the caller is told nothing of it. */
  onInternal?: (error: unknown, requestId: string) => void
}

/** Hands a request on to the target. */
export type Pass = (request: FastifyRequest, reply: FastifyReply) => void

const connectTimeout = 5_000
/** A target that fell asleep says nothing; TCP asks after so long, and gives up ten seconds later. */
const keepAliveDelay = 120_000
const maxHeaderSize = 64 * 1024

/** The passage between people and the target. Register `plugin` in a scope of its own, after the own routes. */
export class Proxy {
  readonly #way: Way
  readonly #options: ProxyOptions
  #idle: (() => void) | undefined

  constructor(options: ProxyOptions) {
    this.#options = options
    const { origin, pathname } = new URL(options.targetUrl)
    this.#way = {
      dispatcher: new Pool(origin, {
        // Ollama has no timeouts: a load, a long prompt or a pause between two tokens may take what it takes.
        headersTimeout: 0,
        bodyTimeout: 0,
        connections: null,
        pipelining: 1,
        maxHeaderSize,
        connect: { timeout: connectTimeout, keepAlive: true, keepAliveInitialDelay: keepAliveDelay },
      }),
      prefix: pathname.replace(/\/+$/, ''),
      targetToken: options.targetToken,
      tokens: options.tokens,
      people: options.people,
      clock: options.clock,
      memory: new Memory(),
      active: new Active(),
      closing: false,
      defer: options.defer,
      onServed: options.onServed,
      onIdle: () => this.#idle?.(),
    }
  }

  /** How many proxied requests are under way. */
  get active(): number {
    return this.#way.active.size
  }

  /** Registers the routes. */
  readonly plugin = async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler((error, request, reply) => this.#answer(error, request, reply))
    // Fastify reads the content type to choose a parser. Nothing is parsed here and nothing may be refused for it;
    // what the client wrote goes on from the raw lines.
    app.addHook('onRequest', ({ raw }, _reply, done) => {
      if (raw.method !== 'GET' && raw.method !== 'HEAD') raw.headers['content-type'] = 'application/octet-stream'
      done()
    })
    await app.register(async (scope) => this.#options.ahead?.(scope, this.#pass))
    await app.register(httpProxy, {
      upstream: this.#options.targetUrl,
      // reply-from's own agent is never used; ours has its cures.
      undici: this.#way.dispatcher,
      httpMethods: METHODS.filter((method) => method !== 'CONNECT'),
      // http-proxy takes each path apart three times to see whether it leaves the target's. A plain one can't.
      preHandler: (request, reply, done) => {
        if (plainPath.test(request.raw.url!)) this.#pass(request, reply)
        done()
      },
      // Only for its check of the path: the query is forwarded as it came, as is the whole of it.
      preRewrite: (url) => pathOnly(url),
      handler: this.#pass,
    })
  }

  readonly #pass: Pass = ({ raw, id, corsOrigin }, reply) => {
    const cors = corsOrigin === '' ? undefined : corsHeaders(corsOrigin)
    new Passage(this.#way, raw, reply.raw, id, cors).start()
    reply.hijack()
  }

  /** The target has not answered anything for the grace time: what is on it is told so, or cut. */
  vanished(): void {
    for (const passage of this.#way.active.all()) passage.vanished()
  }

  /** Takes no new request; lets those under way end for `graceMs`, then ends them. */
  async close(graceMs: number): Promise<void> {
    this.#way.closing = true
    for (const passage of this.#way.active.all()) if (passage.held) passage.stop()
    await this.#ended(graceMs)
    // Whoever waits for a job is being told, some in each turn of the event loop, without any grace as well.
    for (const passage of this.#way.active.all()) if (passage.outcome !== 'deferred') passage.stop()
    await this.#ended(1_000)
    for (const passage of this.#way.active.all()) passage.stop()
    await this.#way.dispatcher.destroy()
  }

  async #ended(withinMs: number): Promise<void> {
    if (this.active === 0) return
    const { clock } = this.#options
    await new Promise<void>((resolve) => {
      const cancel = clock.at(clock.now() + withinMs, resolve)
      this.#idle = () => {
        cancel()
        resolve()
      }
    })
    this.#idle = undefined
  }

  /** A request that was refused before its passage began, in the shape of its route. */
  #answer(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = pathOf(originForm(request.raw.url!))
    const known = asForemanError(error)
    if (problemOf(known).code === 'internal') this.#options.onInternal?.(error, request.id)
    const { status, lines, body } = nativeAnswer(path, known)
    reply.header('x-request-id', request.id)
    for (let i = 0; i < lines.length; i += 2) reply.header(lines[i]!, lines[i + 1])
    this.#options.onServed({
      route: routeOf(path),
      method: request.method,
      status,
      outcome: 'refused',
      ms: 0,
      overheadMs: undefined,
      requestId: request.id,
    })
    return reply.code(status).send(body)
  }
}

/** A path of words without a dot at the start of any; what follows a question mark is no path. */
const plainPath = /^(\/[\w:-][\w:.-]*)+(\?|$)/

/** What http-proxy shall look at: the path, with the double slashes at its start that it would take for a host as one. */
function pathOnly(url: string): string {
  const path = originForm(url)
  const query = path.indexOf('?')
  return (query < 0 ? path : path.slice(0, query)).replace(/^\/{2,}/, '/')
}

/** http-proxy's refusals carry only a status. */
function asForemanError(error: unknown): unknown {
  const { statusCode, message } = error as { statusCode?: number; message: string }
  if (error instanceof ForemanError || statusCode === undefined || statusCode >= 500) return error
  return new ForemanError('invalid_request', message, { status: statusCode })
}
