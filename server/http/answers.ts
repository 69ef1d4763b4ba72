// What the documents say of answers, on procedures and plain routes alike: the headers, each written once, and the
// problems by status with an example of each code, made by the code that makes the real ones.

import { ForemanError, type Code, type ErrorFacts } from '../job/error.ts'
import { exampleId } from './examples.ts'
import { problemHeaders, problemOf } from './problem.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Node = { [key: string]: Json }

const text = { type: 'string' }

/** Every header of an answer that is foreman's own to explain; those of HTTP's plumbing are left out. */
const headers = {
  'Accept-Ranges': { description: 'Parts can be had with `Range`.', schema: text, example: 'bytes' },
  Allow: { description: 'With 405: the methods there are.', schema: text, example: 'GET, HEAD, POST' },
  'Cache-Control': { description: 'Whether a copy may be kept.', schema: text, example: 'no-cache' },
  'Content-Disposition': {
    description: 'The name to save it under.',
    schema: text,
    example: 'attachment; filename="output.txt"',
  },
  'Content-Range': { description: 'Which bytes of how many these are.', schema: text, example: 'bytes 0-99/1234' },
  'Content-Security-Policy': {
    description: 'What a browser may do with it.',
    schema: text,
    example: "default-src 'none'; sandbox",
  },
  ETag: { description: 'Names what is sent, for `If-None-Match`.', schema: text, example: 'W/"7"' },
  'Idempotency-Replayed': {
    description: '`true` when the key had made this job before.',
    schema: text,
    example: 'true',
  },
  Location: {
    description: 'The address of the job.',
    schema: { ...text, format: 'uri' },
    example: `/jobs/${exampleId}`,
  },
  'Preference-Applied': { description: 'The wait that was granted.', schema: text, example: 'wait=25' },
  'Retry-After': {
    description: 'Seconds after which coming again makes sense.',
    schema: { type: 'integer' },
    example: 5,
  },
  'WWW-Authenticate': { description: 'How a token is sent.', schema: text, example: 'Bearer' },
  'X-Accel-Buffering': { description: '`no`: nobody on the way should buffer this.', schema: text, example: 'no' },
  'X-Content-Type-Options': { description: '`nosniff`: the type is what is said.', schema: text, example: 'nosniff' },
  'X-Request-Id': {
    description: "Finds the request in foreman's log. It is the caller's own if that is a plain one.",
    schema: text,
    example: '3a3c5c10-1',
  },
} satisfies Record<string, Node>
export type Header = keyof typeof headers

/** The headers of one answer; every answer has the request's id. */
export function headed(...names: Header[]): Node {
  const all = [...new Set<Header>(['X-Request-Id', ...names])].toSorted()
  return Object.fromEntries(all.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** The parameter of every answer with an ETag. */
export const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header',
  schema: text,
  description: 'ETags of what is there already.',
  example: 'W/"7"',
}

/** Examples by name, as OpenAPI has them. */
export function examplesOf(values: Record<string, unknown>): Node {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value: value as Json }]))
}

type Told = [code: Code, detail: string, facts?: ErrorFacts]
interface Kind {
  name: string
  description: string
  told: Told[]
  also?: Header[]
}

const job = { jobId: exampleId }
const fault = (pointer: string, detail: string) => ({ errors: [{ pointer, detail }] })

/** The problems of a status. What `default` stands for may meet any call. */
const kinds: Record<string, Kind> = {
  '400': {
    name: 'BadRequest',
    description: 'The body is not JSON.',
    told: [['invalid_request', 'not JSON: a value is missing at byte 12', { status: 400 }]],
  },
  '401': {
    name: 'Unauthorized',
    description: 'A token is missing or not known.',
    told: [['unauthorized', 'a token is required']],
  },
  '403': {
    name: 'Forbidden',
    description: 'The Host is not served here, or a page of this origin may not call.',
    told: [['forbidden', 'Host example.org is not served here; FOREMAN_HOSTS can add it']],
  },
  '404': { name: 'NotFound', description: 'There is no such thing.', told: [['not_found', 'no such job', job]] },
  '409': {
    name: 'Conflict',
    description: 'The state of the job does not allow it.',
    told: [['conflict', 'a done job cannot be canceled', job]],
  },
  '410': {
    name: 'Gone',
    description: 'The job was deleted within the last 30 days.',
    told: [['gone', 'the job was deleted', job]],
  },
  '413': {
    name: 'TooLarge',
    description: 'The body is too large, or there are more jobs in it than may ever wait.',
    told: [['too_large', 'the body is limited to 64000000 bytes']],
  },
  '415': {
    name: 'UnsupportedMediaType',
    description: 'The body is of another type than JSON.',
    told: [['invalid_request', 'send JSON as application/json', { status: 415 }]],
  },
  '416': {
    name: 'RangeNotSatisfiable',
    description: 'The range lies outside.',
    told: [['invalid_request', 'there are 1234 bytes', { status: 416 }]],
    also: ['Content-Range', 'Accept-Ranges', 'Content-Security-Policy', 'X-Content-Type-Options'],
  },
  '422': {
    name: 'Refused',
    description: 'The request is understood and wrong: `errors` lists every fault.',
    told: [
      ['invalid_request', '/request/body/model: name a model', fault('/request/body/model', 'name a model')],
      [
        'idempotency_key_reused',
        'this idempotency key was used for another request',
        { ...job, ...fault('/idempotency_key', 'used for another request') },
      ],
    ],
  },
  '503': {
    name: 'Unavailable',
    description: 'Not now: the queue is full, or foreman is stopping.',
    told: [
      ['queue_full', '100000 jobs are waiting already', { retryAfterS: 42 }],
      ['stopping', 'foreman is stopping', { retryAfterS: 5 }],
    ],
  },
  '507': {
    name: 'StorageFull',
    description: 'It could not be written, and nothing of it was.',
    told: [['storage_full', 'the job was not stored: database or disk is full']],
  },
  'job 413': {
    name: 'AnswerTooLarge',
    description: 'The job failed: its answer is too large.',
    told: [['too_large', 'the answer is larger than 64000000 bytes', job]],
  },
  'job 502': {
    name: 'TargetFailed',
    description: 'The job failed: the target refused the request or broke down over it.',
    told: [
      ['model_missing', "model 'llama3.2' not found", job],
      ['target_refused', '"llama3.2" does not support embeddings', job],
      ['target_failed', 'the model did not load', job],
    ],
  },
  'job 503': {
    name: 'NotFinished',
    description: 'The job failed: the target or foreman went away too often. Or foreman is stopping before it is done.',
    told: [
      ['target_unreachable', 'connect ECONNREFUSED 127.0.0.1:11434', job],
      ['interrupted', 'foreman was stopped or killed too often while this job ran', job],
      ['stopping', 'foreman is stopping; the job is not done', { retryAfterS: 5 }],
    ],
  },
  'job 504': {
    name: 'TimedOut',
    description: 'The job failed: it took too long, or had not started in time.',
    told: [
      ['timed_out', 'not done after 1800 s of work', job],
      ['start_by_passed', 'the job had not started by start_by', job],
    ],
  },
  default: {
    name: 'Problem',
    description: 'What went wrong, as RFC 9457 has it.',
    told: [
      ['internal', ''],
      ['invalid_request', 'PUT is not possible here', { status: 405 }],
    ],
    also: ['Allow'],
  },
}

const ref = (kind: string): Node => ({ $ref: `#/components/responses/${kinds[kind]?.name}` })

/** The problems that a call may be answered with; a token and an origin every call may lack. */
export function problems(...statuses: (string | number)[]): Node {
  return Object.fromEntries([
    ...['401', '403', ...statuses].map((status) => [status, ref(String(status))]),
    ['default', ref('default')],
  ])
}

/** The same of a call that needs no token. */
export function openProblems(): Node {
  const { '401': _, ...rest } = problems()
  return rest
}

/** The same of a call that tells how a job failed. */
export function problemsOfFailure(...statuses: (string | number)[]): Node {
  const failures = ['413', '502', '503', '504'].map((status) => [status, ref(`job ${status}`)])
  return { ...problems(...statuses), ...Object.fromEntries(failures) }
}

/** All of that as components. */
export function answerComponents(): { headers: Node; responses: Node } {
  return { headers, responses: Object.fromEntries(Object.values(kinds).map((kind) => [kind.name, responseOf(kind)])) }
}

function responseOf({ description, told, also = [] }: Kind): Node {
  const shown = told.map(([code, detail, facts]) =>
    problemOf(new ForemanError(code, detail, facts), `/jobs/${exampleId}`),
  )
  const said = shown
    .flatMap((problem) => Object.keys(problemHeaders(problem)))
    .filter((header) => header in headers) as Header[]
  const examples = Object.fromEntries(shown.map((problem) => [problem.code, problem]))
  const schema = { $ref: '#/components/schemas/Problem' }
  return {
    description,
    headers: headed(...said, ...also),
    content: { 'application/problem+json': { schema, examples: examplesOf(examples) } },
  }
}
