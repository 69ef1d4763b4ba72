// The HTTP server: one Fastify instance that has foreman's own routes in one scope and the passage to the target in
// another, each with its gate and its shape of errors. What the own routes are comes from outside.
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { randomBytes } from 'node:crypto'
import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { systemClock } from '../clock.ts'
import { Hosts, Tokens } from './auth.ts'
import { boundRest, keepRate, tooSlow } from './data-rate.ts'
import { gate } from './gate.ts'
import { endUpgrade } from './head.ts'
import { nativeAnswer } from './native.ts'
import { Origins } from './origin.ts'
import { isOpen, isOwn, OwnRoutes, routedPath } from './own.ts'
import { sendProblem } from './problem.ts'
import { Proxy, type ProxyOptions } from './proxy.ts'
import { isTrpc, sendTrpcError } from './trpc-error.ts'

export interface ServerOptions
  extends Omit<ProxyOptions, 'clock' | 'onServed'>, Partial<Pick<ProxyOptions, 'clock' | 'onServed'>> {
  /** Accepted tokens; none: the Host rule instead. */
  tokens: readonly string[]
  /** Extra Host names of a tokenless foreman, PUBLIC_URL's own beside them. */
  hosts: readonly string[]
  corsOrigins: readonly string[]
  publicUrl?: string
  /** Registers foreman's own routes, in a scope of their own. */
  routes: (app: FastifyInstance) => void | Promise<void>
}

export interface Server {
  app: FastifyInstance
  /** Proxied requests under way. */
  readonly active: number
  /** The target has not answered anything for the grace time: proxied requests that are on it end. */
  vanished(): void
  /** Starts to listen. Resolves to the address: `http://127.0.0.1:11435`. */
  listen(address: { host: string; port: number }): Promise<string>
  /**
   * Takes no new proxied request, lets what is under way end for `graceMs`. It still listens: whoever comes meanwhile is
   * told that foreman stops.
   */
  drain(graceMs: number): Promise<void>
  /** Stops accepting, lets proxied requests end for `graceMs`, then ends all connections. */
  close(graceMs: number): Promise<void>
}

const longestParam = 1_024
/** Without any grace whoever waits for a job is told all the same. */
const telling_ms = 1_000
/** Longer than proxies keep idle connections (Traefik: 90 s), so that none sends into a closing one. */
const keepAliveTimeout = 120_000

/** Builds the server; nothing listens yet. */
export async function buildServer(options: ServerOptions): Promise<Server> {
  const { corsOrigins, onServed = () => {}, onInternal = () => {}, clock = systemClock } = options
  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: 0,
    keepAliveTimeout,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: longestParam },
    genReqId: requestIds(),
    clientErrorHandler: refuseBytes,
    // zod validates and JSON.stringify writes: Fastify's own compilers are never asked, and not even loaded.
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    http: { headersTimeout: 60_000, maxHeaderSize: 64 * 1024, keepAlive: true, keepAliveInitialDelay: 60_000 },
    frameworkErrors: (error, request, reply) => {
      if (isOwn(routedPath(request.url))) return void sendOwnError(reply, error, request)
      const { status, lines, body } = nativeAnswer(request.url, error)
      reply.hijack().raw.writeHead(status, lines).end(body)
    },
  })
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  }
  app.decorateRequest('corsOrigin', '')
  app.server.on('request', boundPipeline)
  app.server.prependListener('request', endUpgrade)
  app.server.on('request', (req, res) => boundRest(req, res, clock))
  // Node's own answer leaves the connection open for a body that may never end.
  app.server.on('checkExpectation', (_req, res) => res.writeHead(417, { connection: 'close' }).end())

  const tokens = new Tokens(options.tokens)
  const publicHost = options.publicUrl === undefined ? [] : [new URL(options.publicUrl).host]
  const hosts = new Hosts([...options.hosts, ...publicHost])

  const underWay = new Set<ServerResponse>()
  const ownRoutes = new OwnRoutes()
  const ownGate = gate({
    tokens,
    hosts,
    origins: new Origins(corsOrigins, false),
    open: isOpen,
    methods: ownRoutes.methodsAt,
  })
  const enterOwn = (request: FastifyRequest, reply: FastifyReply) => {
    const { raw } = reply
    underWay.add(raw)
    raw.once('close', () => underWay.delete(raw))
    // First of all, so that a refusal can be found in the log of whoever was refused.
    reply.header('x-request-id', request.id)
    keepRate(request.raw, clock, () => {
      if (!raw.headersSent) sendOwnError(reply, tooSlow(), request)
    })
  }
  await app.register(async (scope) => {
    scope.addHook('onRequest', (request, reply, done) => {
      enterOwn(request, reply)
      done()
    })
    scope.addHook('onRequest', ownGate)
    scope.setErrorHandler<FastifyError>((error, request, reply) =>
      sendOwnError(reply, error, request, (fault) => onInternal(fault, request.id)),
    )
    scope.addHook('onRoute', ownRoutes.add)
    await options.routes(scope)
  })

  const proxy = new Proxy({ ...options, clock, onServed, onInternal })
  await app.register(async (scope) => {
    // An own path that no route has matched ends here. A route for each of them and each method would cost 4 MiB.
    scope.addHook('onRequest', (request, reply, done) => {
      if (!isOwn(routedPath(request.raw.url!))) return done()
      enterOwn(request, reply)
      ownGate.call(scope, request, reply, (refusal) =>
        sendOwnError(reply, refusal ?? ownRoutes.nothing(request, reply), request),
      )
    })
    scope.addHook('onRequest', gate({ tokens, hosts, origins: new Origins(corsOrigins, true) }))
    await proxy.plugin(scope)
  })

  return {
    app,
    get active() {
      return proxy.active
    },
    vanished: () => proxy.vanished(),
    listen: (address) => app.listen(address),
    drain: async (graceMs) => {
      const answered = [...underWay].map((raw) => new Promise((resolve) => raw.once('close', resolve)))
      let cancel = () => {}
      const ms = Math.max(graceMs, telling_ms)
      const late = new Promise<void>((resolve) => (cancel = clock.at(clock.now() + ms, resolve)))
      await Promise.all([proxy.close(graceMs), Promise.race([Promise.all(answered), late])])
      cancel()
    },
    close: async (graceMs) => {
      // Stops accepting at once; what is under way goes on until the proxy says so.
      if (app.server.listening) app.server.close()
      await proxy.close(graceMs)
      await app.close()
    },
  }
}

/** An error on an own route, in the shape its callers read. */
function sendOwnError(...told: Parameters<typeof sendProblem>): FastifyReply {
  const [, , request] = told
  return isTrpc(request.url.split('?', 1)[0]!) ? sendTrpcError(...told) : sendProblem(...told)
}

/** Requests of one connection that wait for the answers before them; whoever sends more is no client of HTTP's. */
const pipelinedAtMost = 100
const pipelined = Symbol('pipelined')

/** Ends a connection on which too many requests wait: Node keeps each of them, read or not. */
function boundPipeline(req: IncomingMessage, res: ServerResponse): void {
  if (res.socket !== null) return
  const socket = req.socket as Socket & { [pipelined]?: number }
  const waiting = (socket[pipelined] ?? 0) + 1
  socket[pipelined] = waiting
  if (waiting > pipelinedAtMost) socket.destroy()
  res.once('socket', () => (socket[pipelined] = (socket[pipelined] ?? 1) - 1))
}

/** A factory that Fastify calls at its start, of a compiler that no route of ours has a schema for. */
function unused() {
  return () => {
    throw new Error('routes carry no schemas of Fastify')
  }
}

/** The caller's X-Request-Id if it is a plain one, else a number of our own. */
function requestIds(): (req: IncomingMessage) => string {
  const start = randomBytes(4).toString('hex')
  let count = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : `${start}-${(++count).toString(36)}`
  }
}

/** What is not HTTP, too long a head or too slow a one. In the middle of an answer there is nothing to be said. */
function refuseBytes(error: Error & { code?: string }, socket: Socket): void {
  const answering = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage
  if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent) {
    socket.destroy()
    return
  }
  const status = statuses[error.code ?? ''] ?? '400 Bad Request'
  const body = JSON.stringify({ error: `foreman: ${status.slice(4).toLowerCase()}` })
  const head = `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close`
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`)
}

const statuses: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}
