// The routes that are no procedures: health, figures and the documents. They are open to everybody but /metrics,
// never look at the target before they answer, and stand in the documents through `plainPaths`.

import type { FastifyInstance } from 'fastify'
import type { Health } from '../job/schema.ts'
import { examplesOf, headed, openProblems, problems, type Node } from './answers.ts'
import { answers } from './examples.ts'
import { fixed, fixedOperation } from './fixed.ts'
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
    '/livez': {
      get: plain('getLiveness', 'Whether the process lives', {
        '200': json('getLiveness', 200, 'It does', 'Liveness'),
      }),
    },
    '/readyz': {
      get: plain('getReadiness', 'Whether jobs can be accepted', {
        '200': json('getReadiness', 200, 'Ready', 'Readiness'),
        '503': json('getReadiness', 503, 'Not ready; the body lists the checks', 'Readiness'),
      }),
    },
    '/metrics': {
      get: {
        ...figures,
        responses: {
          '200': {
            description: 'Text format',
            headers: headed(),
            content: { 'text/plain': { schema: { type: 'string' }, examples: examplesOf(answers.getMetrics![200]!) } },
          },
          ...problems(),
        },
      },
    },
    '/openapi.json': { get: fixedOperation('getOpenApi', 'This document', 'OpenAPI 3.1.1', document) },
    '/openapi-3.0.json': {
      get: fixedOperation('getOpenApi30', 'This document for older tools', 'OpenAPI 3.0.3', document),
    },
  }
}

const figures = { operationId: 'getMetrics', summary: 'Figures for Prometheus', tags: ['operations'] }
const document = { 'application/json': { schema: { type: 'object', additionalProperties: true } } }

/** A route that needs no token. */
function plain(operationId: string, summary: string, responses: Node): Node {
  return { operationId, summary, tags: ['operations'], security: [], responses: { ...responses, ...openProblems() } }
}

function json(operationId: string, status: number, description: string, schema: string): Node {
  const examples = examplesOf(answers[operationId]![status]!)
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` }, examples } }
  return { description, headers: headed(), content }
}
