// Asking the target to load a runner and nothing else, to let go of one, or for a word of one: the requests, and whether the
// answer to the first says that it is loaded.

import { parseAffinityKey, type RunnerOptions } from '../job/affinity.ts'
import { isEmbedding, type Endpoint } from '../job/submit.ts'
import { fieldsOf } from './answer.ts'
import { TargetFailure, brokenOff, classify } from './failure.ts'
import type { Answered } from './wire.ts'

export interface Load {
  endpoint: Endpoint
  model: string
  options: RunnerOptions
  /** A duration as Ollama reads it; none leaves the runner's own. */
  keepAlive?: string | undefined
}

/** The request: without a prompt, with the runner options of the job it is for. */
export function loadRequest({ endpoint, model, options, keepAlive }: Load): {
  method: 'POST'
  path: string
  body: string
} {
  const { shift, ...runner } = options
  const embeds = isEmbedding(endpoint)
  const body = JSON.stringify({
    model,
    ...(embeds ? { input: '' } : { stream: false }),
    ...(Object.keys(runner).length > 0 ? { options: runner } : {}),
    ...(shift !== undefined && !embeds ? { shift } : {}),
    ...(keepAlive === undefined ? {} : { keep_alive: keepAlive }),
  })
  return { method: 'POST', path: embeds ? '/api/embed' : '/api/generate', body }
}

/** The request to let go of a runner, by a name it is listed under. It is answered at once; the runner goes when it is idle. */
export function unloadRequest(model: string) {
  const body = JSON.stringify({ model, keep_alive: 0 })
  return { method: 'POST', path: '/api/generate', body, limitMs: 10_000 } as const
}

/** The request for one word of the runner of an affinity key. It doesn't stream: a slot is never lost by leaving that. */
export function wordRequest(key: string) {
  const { model, options } = parseAffinityKey(key)
  const { shift, ...runner } = options
  const one = { prompt: 'a', raw: true, stream: false, options: { ...runner, num_predict: 1 } }
  const body = JSON.stringify({ model, ...one, ...(shift === undefined ? {} : { shift }) })
  return { method: 'POST', path: '/api/generate', body } as const
}

/**
 * Whether the answer says that the runner is in memory. False of a target that has no such request, a router that speaks
 * OpenAI's API only: whatever is asked of it loads. Throws TargetFailure when it wasn't loaded.
 */
export function isLoaded(answered: Answered, endpoint: Endpoint): boolean {
  if (answered.status === 200 && isLoadAnswer(answered.text)) return true
  const failure = loadFailure(answered, endpoint)
  if ((answered.status === 404 || answered.status === 405) && failure.code === 'target_refused') return false
  throw new TargetFailure(failure)
}

/** 200 with the answer to a request for nothing: the model is in memory. */
function isLoadAnswer(text: string): boolean {
  try {
    const { done_reason, embeddings } = fieldsOf(JSON.parse(text))
    return done_reason === 'load' || Array.isArray(embeddings)
  } catch {
    return false
  }
}

function loadFailure({ status, text, retryAfter_ms }: Answered, endpoint: Endpoint) {
  if (status !== 200 || text.includes('"error"')) return classify({ status, text, endpoint, retryAfter_ms })
  return brokenOff('the target answered a load request with something else', status)
}
