// The routes that are no procedures: health, figures and the documents. They are open to everybody but /metrics,
// never look at the target before they answer, and stand in the documents through `plainPaths`.

import type { FastifyInstance } from 'fastify'
import type { Health } from '../job/schema.ts'
import { fixed } from './fixed.ts'
import { withoutPaths } from './problem.ts'

export interface PlainOptions {
  /** The store can be written and foreman is not stopping; a sleeping target is only a warning. */
  readiness: () => Promise<Health>
  metrics: () => Promise<{ text: string; contentType: string }>
  /** The emitted documents, as text. */
  documents: Record<'3.1.1' | '3.0.3', () => string>
}

export function mountPlain(app: FastifyInstance, { readiness, metrics, documents }: PlainOptions): void {
  app.get('/livez', { exposeHeadRoute: true }, (_request, reply) =>
    reply.type('application/json').send('{"status":"alive"}'),
  )
  app.get('/readyz', { exposeHeadRoute: true }, async (_request, reply) => {
    const { ok, checks } = await readiness()
    // It needs no token: the places of files on this machine are nobody's business.
    const told = checks.map((check) =>
      check.detail === undefined ? check : { ...check, detail: withoutPaths(check.detail) },
    )
    return reply.code(ok ? 200 : 503).send({ status: ok ? 'ready' : 'not ready', checks: told })
  })
  app.get('/metrics', async (_request, reply) => {
    const { text, contentType } = await metrics()
    return reply.type(contentType).send(text)
  })
  const route = { exposeHeadRoute: true }
  app.get('/openapi.json', route, fixed('application/json', documents['3.1.1']))
  app.get('/openapi-3.0.json', route, fixed('application/json', documents['3.0.3']))
}

/** These routes as OpenAPI paths. */
export function plainPaths() {
  return {
    '/livez': { get: plain('getLiveness', 'Whether the process lives', { '200': json('It does') }, true) },
    '/readyz': {
      get: plain(
        'getReadiness',
        'Whether jobs can be accepted',
        { '200': json('Ready'), '503': json('Not ready; the body lists the checks') },
        true,
      ),
    },
    '/metrics': {
      get: plain('getMetrics', 'Figures for Prometheus', {
        '200': { description: 'Text format', content: { 'text/plain': { schema: { type: 'string' } } } },
        default: { $ref: '#/components/responses/Problem' },
      }),
    },
    '/openapi.json': { get: plain('getOpenApi', 'This document', { '200': json('OpenAPI 3.1.1') }, true) },
    '/openapi-3.0.json': {
      get: plain('getOpenApi30', 'This document for older tools', { '200': json('OpenAPI 3.0.3') }, true),
    },
  }
}

function plain(operationId: string, summary: string, responses: object, open = false) {
  return { operationId, summary, tags: ['operations'], ...(open ? { security: [] } : {}), responses }
}

function json(description: string) {
  return { description, content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } } }
}
