// What the documents say of one procedure beyond what the generator reads from its schemas: the status it really
// succeeds with, headers, problems, examples, and the words of its parameters.

import { answers, requests } from './examples.ts'
import { examplesOf, headed, ifNoneMatch, problems, type Header, type Node } from './answers.ts'
import { longestWait_s } from './prefer.ts'
import type { Route } from './rest.ts'

const bodies: Record<string, string> = { submitJob: 'SubmitJob', submitJobs: 'SubmitBatch' }
const words: Record<number, string> = { 200: 'Done', 202: 'Accepted: it is on disk', 204: 'Erased' }

/** Completes an operation of the generator's. */
export function describe({ meta, properties }: Route, op: Node): void {
  const id = meta.openapi.operationId
  const { content } = (op.responses as { '200': Node })['200']
  const status = meta.status ?? 200
  const success = (status: number, description: string, ...names: Header[]): Node => ({
    [status]: {
      description,
      headers: headed(...(meta.etag ? ['ETag' as const] : []), ...names),
      ...(status === 204 ? {} : { content: shown(content as Node, answers[id]?.[status]) }),
    },
  })
  const told: Header[] = id === 'submitJob' ? ['Location', 'Idempotency-Replayed', 'Preference-Applied'] : []
  op.responses = {
    ...(id === 'submitJob' ? success(200, 'The job has ended within the wait', ...told) : {}),
    ...success(status, words[status]!, ...told, ...(id === 'submitJob' ? ['Retry-After' as const] : [])),
    ...(meta.etag ? { '304': { description: 'Not changed since the given ETag', headers: headed('ETag') } } : {}),
    ...problems(...(meta.problems ?? [])),
  }
  delete op.security
  if (bodies[id]) op.requestBody = { required: true, content: shown(jsonOf(bodies[id]), requests[id]) }
  else delete op.requestBody
  const parameters = ((op.parameters as Node[] | undefined) ?? []).map((parameter) => {
    const { description } = properties[String(parameter.name)] ?? {}
    return description === undefined ? parameter : { ...parameter, description }
  })
  if (meta.waits) parameters.push(...waiting(meta.openapi.method))
  if (meta.etag) parameters.push(ifNoneMatch)
  if (id === 'submitJob')
    parameters.push(header('Idempotency-Key', 'The same key and request make one job.', '"feed-42"'))
  if (parameters.length > 0) op.parameters = parameters
  else delete op.parameters
}

const jsonOf = (schema: string): Node => ({
  'application/json': { schema: { $ref: `#/components/schemas/${schema}` } },
})

/** The content with its examples. */
function shown(content: Node, examples: Record<string, unknown> = {}): Node {
  return Object.fromEntries(
    Object.entries(content).map(([type, media]) => [type, { ...(media as Node), examples: examplesOf(examples) }]),
  )
}

function waiting(method: string): Node[] {
  const schema = { type: 'integer', minimum: 0, maximum: longestWait_s }
  const query = {
    name: 'wait',
    in: 'query',
    schema,
    description: 'Seconds to wait for the end of the job.',
    example: 25,
  }
  const include = {
    name: 'include',
    in: 'query',
    schema: { type: 'array', items: { type: 'string', enum: ['request', 'response'] } },
    description: 'Bodies to show with the job; the response once it is done.',
  }
  const prefer = `\`wait=N\`: the same as the query. It is a preference: more than ${longestWait_s} is taken for ${longestWait_s}, where the query is refused.`
  return [...(method === 'POST' ? [query, include] : []), header('Prefer', prefer, 'wait=5')]
}

function header(name: string, description: string, example: string): Node {
  return { name, in: 'header', schema: { type: 'string' }, description, example }
}
