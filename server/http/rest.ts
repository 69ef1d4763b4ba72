// REST, mounted by looping over the router: each procedure with `openapi` metadata becomes one Fastify route that
// calls it. Input comes from the path and the query (read by the types of the input schema) or from the JSON body;
// whatever is wrong is the same problem+json as everywhere.

import { callTRPCProcedure } from '@trpc/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { ForemanError } from '../job/error.ts'
import { isKnown } from './etag.ts'
import { fingerprint } from './fingerprint.ts'
import { readJson, type JsonBody } from './json-body.ts'
import { idempotencyKey, longestWait_s, prefer } from './prefer.ts'
import { fromQuery, noOther, type Properties, type Query } from './query.ts'
import { Include } from './present.ts'
import { hasLeft, type Receiving, type Share } from './receiving.ts'
import { appRouter } from './router.ts'
import { traceOf } from './trace.ts'
import type { Api, Context, Head, Meta } from './trpc.ts'
import { piecesOf, sizeOf, stringify } from './verbatim.ts'

export interface RestOptions {
  api: Api
  receiving: Receiving
}

/** One procedure as REST sees it. */
export interface Route {
  name: string
  type: 'query' | 'mutation'
  meta: Meta & { openapi: NonNullable<Meta['openapi']> }
  /** JSON schema of each input property, for reading a query. */
  properties: Properties
}

/** Every procedure that is served over REST, in the order of the router. */
export function restRoutes(): Route[] {
  // At run time the procedures of a router are flat, by their dotted names; the type has them nested.
  const procedures = appRouter._def.procedures as unknown as Record<
    string,
    { _def: Pick<Route, 'type'> & { meta?: Meta; inputs: z.ZodType[] } }
  >
  return Object.entries(procedures).flatMap(([name, { _def }]) => {
    const { openapi } = _def.meta ?? {}
    if (!_def.meta || !openapi) return []
    const options = { io: 'input', unrepresentable: 'any' } as const
    const schema = _def.inputs[0] ? (z.toJSONSchema(_def.inputs[0], options) as { properties?: Properties }) : {}
    return [{ name, type: _def.type, meta: { ..._def.meta, openapi }, properties: schema.properties ?? {} }]
  })
}

/** What a POST that waits is asked to show beside the job; a GET has it in its input. */
const Included = z.object({ include: Include.optional() })
const includes: Properties = { include: { type: 'array' } }

/** Registers the routes. To be called in a scope of its own: the JSON parser must not leak to other routes. */
export function mountRest(app: FastifyInstance, options: RestOptions): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (_request, payload, done) => done(null, payload))
  for (const route of restRoutes()) {
    const { method, path } = route.meta.openapi
    app.route({
      method: method === 'GET' ? ['GET', 'HEAD'] : method,
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      handler: (request, reply) => handle(route, request, reply, options, options.receiving.share()),
    })
  }
}

async function handle(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  options: RestOptions,
  share: Share,
): Promise<FastifyReply> {
  const abort = new AbortController()
  const left = () => abort.abort()
  reply.raw.once('close', left)
  try {
    const { meta } = route
    const posts = meta.openapi.method === 'POST'
    let body = posts ? await bodyOf(request, meta, options, share) : undefined
    const head: Head = { headers: {} }
    const query = request.query as Query
    const given = body ? objectOf(body.value) : posts ? {} : fromQuery(query, route.properties)
    if (posts) noOther(query, meta.waits ? ['wait', 'include'] : [])
    const input = { ...given, ...named(request.params as Record<string, string>, given) }
    const context: Context = { api: options.api, signal: abort.signal, head, trace: traceOf(request.headers) }
    if (meta.waits) context.wait_s = waitOf(request, meta)
    if (posts && meta.waits) context.include = Included.parse(fromQuery(query, includes)).include
    if (body && meta.verbatim) exact(context, input, body, meta, request)
    context.letGo = () => {
      body = undefined
      delete context.bodies
      delete context.fingerprint
      share.release()
    }
    const output: unknown = await callTRPCProcedure({
      router: appRouter,
      path: route.name,
      type: route.type,
      getRawInput: async () => input,
      ctx: context,
      signal: abort.signal,
      batchIndex: 0,
    })
    // A stopping foreman ends waits early: the caller comes back on a new connection.
    if (options.api.queue.vigil.over) void reply.header('Connection', 'close')
    return answer(reply, request, meta, head, output)
  } catch (error) {
    if (hasLeft(request)) return reply.hijack()
    throw error
  } finally {
    share.release()
    reply.raw.off('close', left)
  }
}

/** What is worth putting together with the head. */
const shortLength = 16 * 1024

function answer(reply: FastifyReply, request: FastifyRequest, meta: Meta, head: Head, output: unknown): FastifyReply {
  void reply.code(head.status ?? meta.status ?? 200).headers(head.headers)
  if (meta.etag) {
    const tag = `W/"${(output as { sequence: number }).sequence}"`
    void reply.header('ETag', tag)
    if (isKnown(request.headers['if-none-match'], tag)) return reply.code(304).send()
  }
  if (output === undefined) return reply.send()
  const parts = stringify(output)
  void reply.type('application/json; charset=utf-8')
  // What is stored is not even read for it.
  if (request.method === 'HEAD') return reply.header('Content-Length', sizeOf(parts)).send()
  const [whole] = parts
  // A text goes out in one write with its head.
  if (parts.length === 1 && typeof whole === 'string')
    return reply.send(whole.length <= shortLength ? whole : Buffer.from(whole))
  void reply.header('Content-Length', sizeOf(parts))
  return reply.send(Readable.from(piecesOf(parts), { objectMode: false }))
}

function bodyOf(
  request: FastifyRequest,
  { verbatim }: Meta,
  { receiving }: RestOptions,
  { take }: Share,
): Promise<JsonBody | undefined> {
  const limit = verbatim ? receiving.bodyMax : Math.min(receiving.bodyMax, 1024 * 1024)
  return receiving.read(request, limit, (stream) => readJson(stream, { limit, take, verbatim }))
}

/** Hands the procedure the exact bodies, and the digests that idempotency keys need. */
function exact(
  context: Context,
  input: Record<string, unknown>,
  body: JsonBody,
  meta: Meta,
  request: FastifyRequest,
): void {
  context.bodies = body.verbatim
  context.fingerprint = (pointer) => fingerprint(body.text(pointer))
  const header = request.headers['idempotency-key']
  if (header === undefined) return
  if (meta.verbatim?.[0] === 'jobs') {
    throw new ForemanError('invalid_request', 'the jobs of a batch have a key each, in idempotency_key', {
      errors: [{ pointer: '/jobs', detail: 'takes no Idempotency-Key header' }],
    })
  }
  const key = idempotencyKey(header)
  if (input.idempotency_key !== undefined && input.idempotency_key !== key) {
    throw new ForemanError('invalid_request', 'the Idempotency-Key header and idempotency_key differ', {
      errors: [{ pointer: '/idempotency_key', detail: 'differs from the Idempotency-Key header' }],
    })
  }
  input.idempotency_key = key
}

/** Seconds from `?wait=` (POST; a GET has it in its input) or `Prefer: wait=`. */
function waitOf(request: FastifyRequest, meta: Meta): number | undefined {
  const asked = meta.openapi?.method === 'POST' ? (request.query as Query).wait : undefined
  if (asked === undefined) return prefer(request.headers.prefer).wait
  if (typeof asked === 'string' && /^\d{1,3}$/.test(asked) && Number(asked) <= longestWait_s) return Number(asked)
  throw new ForemanError('invalid_request', 'wait is a number of seconds', {
    errors: [{ pointer: '/wait', detail: `0 to ${longestWait_s}` }],
  })
}

/** What the path names. It is said there and nowhere else. */
function named(params: Record<string, string>, given: Record<string, unknown>): Record<string, string> {
  for (const [name, value] of Object.entries(params)) {
    if (value === '') throw new ForemanError('not_found', `the path names no ${name}`)
    if (!(name in given)) continue
    const errors = [{ pointer: `/${name}`, detail: 'is said by the path' }]
    throw new ForemanError('invalid_request', `${name} is said by the path`, { errors })
  }
  return params
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new ForemanError('invalid_request', 'the body must be a JSON object', {
    errors: [{ pointer: '', detail: 'must be an object' }],
  })
}
