// The OpenAPI document, emitted from the router in two versions. The generator's output is made fit for the widest set
// of client generators: named components only, one success status, one Problem for everything else, no unions, no
// closed objects.

import { generateOpenApiDocument } from 'trpc-to-openapi'
import { SubmitBatch, SubmitJob } from '../job/submit.ts'
import { downloadPaths } from './download.ts'
import { eventPaths } from './events.ts'
import { plainPaths } from './plain.ts'
import { Problem } from './problem.ts'
import { restRoutes, type Route } from './rest.ts'
import { longestWait_s } from './prefer.ts'
import { appRouter } from './router.ts'
import { streamPaths } from './stream.ts'

export type Version = '3.1.1' | '3.0.3'
type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Node = { [key: string]: Json }

const bodies: Record<string, string> = { submitJob: 'SubmitJob', submitJobs: 'SubmitBatch' }

/** The whole document. The same on every call. */
export function openApiDocument(version: Version, release: string): Node {
  const document = generateOpenApiDocument(appRouter as never, {
    title: 'foreman',
    description: 'A queue in front of one Ollama. Everything that is not listed here is passed through to the target.',
    version: release,
    baseUrl: '/',
    openApiVersion: version,
    tags: ['jobs', 'queue', 'target', 'operations'],
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    defs: { SubmitJob, SubmitBatch, Problem },
  }) as unknown as Node
  const tidy = walk(document, version) as Node
  const routes = restRoutes()
  const schemas = schemasOf(tidy)
  const paths = tidy.paths as Node
  for (const route of routes)
    operation(route, at(paths, route.meta.openapi.path, route.meta.openapi.method.toLowerCase()))
  Object.assign(paths, plainPaths(), downloadPaths(), eventPaths(), streamPaths())
  return {
    openapi: version,
    info: {
      ...(tidy.info as Node),
      license: {
        name: 'MIT',
        ...(version === '3.1.1' ? { identifier: 'MIT' } : { url: 'https://spdx.org/licenses/MIT.html' }),
      },
    },
    servers: [{ url: '/' }],
    tags: (tidy.tags as Node[]).map((tag) => ({ ...tag, description: tagWords[String(tag.name)] ?? '' })),
    security: [{ bearer: [] }],
    paths: sorted(paths),
    components: {
      schemas: sorted(schemas),
      responses: {
        Problem: {
          description: 'What went wrong, as RFC 9457 has it.',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

const tagWords: Record<string, string> = {
  jobs: 'Requests that finish later.',
  queue: 'The order in which they run.',
  target: 'The Ollama behind foreman.',
  operations: 'Health, figures and documents.',
}

/** Gives an operation its real success status, its headers, the one Problem, and a named body. */
function operation({ meta }: Route, op: Node): void {
  const responses = op.responses as Node
  const success = responses['200'] as Node
  const status = meta.status ?? 200
  const headers: Node = {}
  if (meta.etag) headers.ETag = headerOf('Weak, from the sequence of the job.')
  if (op.operationId === 'submitJob') {
    headers.Location = headerOf('Address of the job.')
    headers['Retry-After'] = headerOf('Seconds after which a look is worth it.')
    headers['Idempotency-Replayed'] = headerOf('`true` when the key had made this job before.')
  }
  const named: Node = { description: words[status] ?? 'Done', ...(Object.keys(headers).length > 0 ? { headers } : {}) }
  if (status !== 204) named.content = success.content as Json
  const problem = { $ref: '#/components/responses/Problem' }
  op.responses = {
    ...(meta.waits && status === 202
      ? { '200': { ...named, description: 'It has ended while the caller waited' } }
      : {}),
    [String(status)]: named,
    ...(meta.etag ? { '304': { description: 'Not changed since the given ETag' } } : {}),
    ...Object.fromEntries(['401', ...(meta.problems ?? []).map(String)].map((code) => [code, problem])),
    default: problem,
  }
  delete op.security
  const body = bodies[String(op.operationId)]
  if (body)
    op.requestBody = {
      required: true,
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${body}` } } },
    }
  else if (meta.openapi.method === 'POST') delete op.requestBody
  const parameters = (op.parameters as Node[] | undefined) ?? []
  if (meta.waits) parameters.push(...waiting(meta.openapi.method))
  if (op.operationId === 'submitJob')
    parameters.push(headerParameter('Idempotency-Key', 'The same key and request make one job.'))
  if (parameters.length > 0) op.parameters = parameters
  else delete op.parameters
}

const words: Record<number, string> = { 200: 'Done', 202: 'Accepted: it is on disk', 204: 'Erased' }

function waiting(method: string): Node[] {
  const schema = { type: 'integer', minimum: 0, maximum: longestWait_s }
  const query = { name: 'wait', in: 'query', schema, description: 'Seconds to wait for the end of the job.' }
  return [...(method === 'POST' ? [query] : []), headerParameter('Prefer', '`wait=N`: the same as the query.')]
}

function headerParameter(name: string, description: string): Node {
  return { name, in: 'header', schema: { type: 'string' }, description }
}

function headerOf(description: string): Node {
  return { schema: { type: 'string' }, description }
}

/** Drops what generators choke on, at every depth. */
function walk(node: Json, version: Version): Json {
  if (Array.isArray(node)) return node.map((item) => walk(item, version))
  if (typeof node !== 'object' || node === null) return node
  const out: Node = {}
  for (const [key, value] of Object.entries(node)) {
    if (key === 'propertyNames' || key === '$schema') continue
    if (key === 'additionalProperties' && value === false) continue
    if (key === 'pattern' && (node.format === 'date-time' || node.format === 'uri')) continue
    out[key] = walk(value, version)
  }
  if (out.type === 'integer' && !('format' in out)) {
    out.format = 'int64'
    if (Math.abs(Number(out.maximum)) === Number.MAX_SAFE_INTEGER) delete out.maximum
    if (Math.abs(Number(out.minimum)) === Number.MAX_SAFE_INTEGER) delete out.minimum
  }
  return out
}

/** The named schemas, without the generator's own error shapes and without the extras that inputs and outputs share. */
function schemasOf(document: Node): Node {
  const all = (document.components as Node).schemas as Node
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('error.')))
}

function at(paths: Node, path: string, method: string): Node {
  return ((paths[path] as Node)[method] ?? {}) as Node
}

function sorted(node: Node): Node {
  return Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
}
