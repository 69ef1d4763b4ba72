// A job that has ended, as its route would have answered: status, content type and body. What foreman itself has to say
// of it (canceled, timed out, never sent) is thrown, to be shaped like any other error on that route.

import { ForemanError, type Code } from '../job/error.ts'
import type { JobError } from '../job/schema.ts'
import { isNative, streams } from '../job/submit.ts'
import type { Queue } from '../queue/queue.ts'
import type { StoredArtifact } from '../queue/register.ts'
import type { JobRow } from '../store/jobs.ts'
import { errorShape } from './native.ts'

export interface Replay {
  status: number
  contentType: string
  body: string | StoredArtifact
  /** Seconds after which the target was to be asked again. */
  retryAfter_s?: number | undefined
}

/** How the answer was asked for. */
export interface Asked {
  /** A native answer is read line by line. */
  streamed: boolean
  /** The model as the call names it. */
  model: string
}

export function replayOf(queue: Pick<Queue, 'artifact'>, row: JobRow, { streamed, model }: Asked): Replay {
  const { id, endpoint, state } = row
  if (state === 'canceled') throw new ForemanError('conflict', 'the job was canceled', { jobId: id })
  const lines = streamed && streams(endpoint) ? queue.artifact(row, 'stream.ndjson') : undefined
  const whole = { status: 200, contentType: jsonOf(endpoint) }
  const stream = lines && { status: 200, contentType: 'application/x-ndjson', body: lines }
  if (state !== 'done') return failure(row, stream, model)
  const response = queue.artifact(row, 'response.json')
  if (!response) throw new ForemanError('gone', 'the job was deleted', { jobId: id })
  return stream && !isOfLoad(response) ? stream : { ...whole, body: response }
}

/** An answer to a request for nothing but the runner is longer only with a very long name. */
const longestLoad = 4 * 1024

/** Whether Ollama generated nothing: it answers that as one object, whether lines are asked for or not. */
function isOfLoad({ row, read }: StoredArtifact): boolean {
  if (row.size_bytes > longestLoad) return false
  const { done_reason } = parsed(Buffer.concat([...read()]).toString())
  return done_reason === 'load' || done_reason === 'unload'
}

/** What the target said of a failed job; `stream` are the lines that had come. */
function failure({ id, endpoint, error, ...row }: JobRow, stream: Replay | undefined, model: string): Replay {
  const { code, target_status: status, target_retry_after_s, ...texts } = JSON.parse(error ?? '{}') as JobError
  // The target was asked to load it under its whole name, and says that of the one it was asked for.
  const named = (text: string, name: string) =>
    code === 'model_missing' ? text.replaceAll(row.model, () => name) : text
  const detail = named(texts.detail, model)
  const said = named(texts.target_body ?? '', JSON.stringify(model).slice(1, -1))
  // An error can stand in a 200. No other status below 400 is one that a caller could read as a failure, and a redirect
  // would lead it to the job, whose address goes with the answer.
  if (status === undefined || (status < 400 && (status !== 200 || said === '')))
    throw new ForemanError(code as Code, detail, { jobId: id })
  // The last line says what went wrong. Who does not stream is told by a status, which Ollama can still choose then.
  const broke = status === 200 && streams(endpoint)
  if (broke && stream) return stream
  const failed = { status: broke ? 500 : status, retryAfter_s: target_retry_after_s }
  if (!said.startsWith('{')) return { ...failed, contentType: 'text/plain; charset=utf-8', body: said }
  const body = inShape(endpoint, status, said, detail)
  // On /v1 what Ollama refuses before it has looked for the model has the type of native routes, and no end of a line.
  return { ...failed, contentType: body.endsWith('\n') ? jsonOf(endpoint) : nativeJson, body }
}

const nativeJson = 'application/json; charset=utf-8'
const jsonOf = (endpoint: string) => (isNative(endpoint) ? nativeJson : 'application/json')

/**
 * An error of the target's as the route words it: a model is loaded over a native route, whatever the job's is, and of a
 * long text only the start is kept.
 */
function inShape(endpoint: string, status: number, said: string, detail: string): string {
  const { error } = parsed(said)
  if (isNative(endpoint)) return typeof error === 'string' ? said : JSON.stringify({ error: detail })
  if (typeof error === 'object' && error !== null) return said
  const message = typeof error === 'string' ? error : detail
  return `${JSON.stringify(errorShape(endpoint, { message, type: typeOf(endpoint, status), code: null }))}\n`
}

/** What Ollama calls it, which differs from what foreman calls its own. */
function typeOf(endpoint: string, status: number): string {
  if (status === 400) return 'invalid_request_error'
  if (status === 404) return 'not_found_error'
  return status === 503 && endpoint === '/v1/messages' ? 'overloaded_error' : 'api_error'
}

function parsed(text: string): { error?: unknown; done_reason?: unknown } {
  try {
    return JSON.parse(text) as { error?: unknown; done_reason?: unknown }
  } catch {
    return {}
  }
}
