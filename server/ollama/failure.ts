// What went wrong on the target and whether trying again can help, told by status and text together: a 500 of Ollama's
// may be final, a 400 may pass, and a 200 may be a failure. Pure; when to try again is job/retry.ts.

import { fieldsOf } from './answer.ts'
import { isEmbedding } from '../job/submit.ts'
import type { Code } from '../job/error.ts'
import type { JobError } from '../job/schema.ts'

export interface Failure {
  /** `model_missing`, `target_refused` (this request will never do), `target_failed` or `too_large`. */
  code: Code
  /** `once`: a second try is worth it, a third isn't. `limited`: within the job's attempts. `later`: after a wait. */
  retry: 'never' | 'once' | 'limited' | 'later'
  /** One line for people, taken out of however many layers of JSON the target wrapped it in. */
  detail: string
  /** Absent when the connection ended before any status. */
  targetStatus?: number
  /** What the target sent, at most 4 kB. */
  targetBody?: string
  /** There was no memory for the load. */
  memory?: true
  /** The least wait the target asked for. */
  retryAfter_ms?: number
}

/** The target was reached, and the request failed. */
export class TargetFailure extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.detail)
    this.name = 'TargetFailure'
    this.failure = failure
  }
}

/**
 * The target wasn't there, which costs a job nothing. `refused`: the machine answered, Ollama didn't. `unreachable`: no
 * answer at all. `gave_up`: it vanished while the request ran and stayed away for longer than the grace time.
 */
export class TargetAbsent extends Error {
  readonly absent: 'refused' | 'unreachable' | 'gave_up'

  constructor(absent: 'refused' | 'unreachable' | 'gave_up', cause?: unknown) {
    super(`the target is absent: ${absent}`, cause === undefined ? undefined : { cause })
    this.name = 'TargetAbsent'
    this.absent = absent
  }
}

/**
 * Whether the target may still be at work for a request that ended so: it was there, and did not say that it is done. What
 * is no failure of the target's is a request that foreman broke off itself.
 */
export function leavesWork(error: unknown): boolean {
  if (error instanceof TargetAbsent) return error.absent === 'gave_up'
  return !(error instanceof TargetFailure) || (error.failure.targetStatus ?? 200) === 200
}

type Verdict = Pick<Failure, 'code' | 'retry' | 'memory'>

const missing: Verdict = { code: 'model_missing', retry: 'never' }
const refused: Verdict = { code: 'target_refused', retry: 'never' }
const hopeless: Verdict = { code: 'target_failed', retry: 'never' }
const once: Verdict = { code: 'target_failed', retry: 'once' }
const noMemory: Verdict = { ...once, memory: true }
const limited: Verdict = { code: 'target_failed', retry: 'limited' }
const later: Verdict = { code: 'target_failed', retry: 'later' }

// Read from top to bottom, the first match decides. Both generations of runners are here: `llama runner` is what
// `llama-server` was called before v0.30.
const texts: [RegExp, Verdict][] = [
  [/out of memory|failed to allocate|unable to allocate|insufficient memory/i, noMemory],
  [/cudaMalloc failed|requires .+ (but only|than is) .*available/i, once],
  [/corrupted|exceeds file size|unknown (model )?architecture|unsupported model/i, hopeless],
  [/process has terminated|error loading model|unable to load model|failed to load model/i, once],
  [/tim(ed out|eout) waiting for .*(llama|runner)/i, limited],
  [/server busy|overloaded|too many requests/i, later],
  [/model ['"][^'"]+['"] not found/i, missing],
  [/must be (of|between)|^invalid format|not support|schema conversion failed|grammar/i, refused],
  [/exceed_context_size|exceeds the (available )?context|longer than the context/i, refused],
  [/running the model|unexpectedly stopped|unexpected server status|no longer running/i, limited],
  [/error reading (llama-server|embed) response|do embedding request|POST predict/i, limited],
]

/** What Ollama says in a 400 about a request; on the embed routes any other text there is trouble of the runner. */
const complaint = /required|invalid|missing|unsupported|cannot unmarshal|exceeds|unit in duration|^EOF$/i

/**
 * Reads an answer that isn't a success: an error status with its body, or the error in a 200. `retryAfter_ms` is what a
 * Retry-After header asked for.
 */
export function classify(said: { status: number; text: string; endpoint: string; retryAfter_ms?: number }): Failure {
  const { innermost, layers } = unwrap(said.text)
  const verdict = texts.find(([pattern]) => layers.some((layer) => pattern.test(layer)))?.[1] ?? byStatus(said, layers)
  const detail = innermost === '' ? silence(said.status) : innermost === noRoute ? without(said.endpoint) : innermost
  return {
    ...verdict,
    detail: detail.length > 500 ? `${detail.slice(0, 499)}…` : detail,
    targetStatus: said.status,
    ...(said.text === '' ? {} : { targetBody: head(said.text) }),
    ...(verdict.retry === 'later' && said.retryAfter_ms !== undefined ? { retryAfter_ms: said.retryAfter_ms } : {}),
  }
}

/** A request that was sent and got no proper end: a cut connection, a stream without `done:true`, not JSON. */
export function brokenOff(detail: string, targetStatus?: number): Failure {
  return { ...limited, detail, ...(targetStatus === undefined ? {} : { targetStatus }) }
}

/** A failure as the job tells it. */
export function told({ code, detail, targetStatus, targetBody, retryAfter_ms }: Failure): JobError {
  return {
    code,
    detail,
    ...(targetStatus === undefined ? {} : { target_status: targetStatus }),
    ...(targetBody === undefined ? {} : { target_body: targetBody }),
    ...(retryAfter_ms === undefined ? {} : { target_retry_after_s: Math.ceil(retryAfter_ms / 1000) }),
  }
}

/** An answer above the limit of `bytes`. */
export function tooLarge(bytes: number): Failure {
  return { code: 'too_large', retry: 'never', detail: `the answer is larger than ${bytes} bytes` }
}

function byStatus({ status, endpoint }: { status: number; endpoint: string }, layers: string[]): Verdict {
  if ([429, 502, 503, 504].includes(status)) return later
  if (status === 400 && isEmbedding(endpoint) && !layers.some((layer) => complaint.test(layer))) return limited
  // 499 is Ollama's word for a caller that left.
  return status >= 300 && status < 500 && status !== 499 ? refused : limited
}

function silence(status: number): string {
  if (status === 403) return 'the target refused with 403 and no body: its check of Host or Origin'
  return `the target answered ${status} without a word`
}

/** What Ollama answers where it has no route. */
export const noRoute = '404 page not found'

/** The same for people. */
export const without = (endpoint: string) => `the target has no ${endpoint}: newer ones of Ollama do`

/** The message in an error body, through JSON within JSON; `layers` are all texts met on the way in. */
function unwrap(text: string): { innermost: string; layers: string[] } {
  const layers: string[] = []
  let inner = text.trim()
  for (let depth = 0; depth < 6; depth++) {
    layers.push(inner)
    const parsed = parse(inner)
    const message = messageIn(parsed)
    if (message === undefined) break
    // llama-server tells the kind of an error only in its type.
    const type = fieldsOf(fieldsOf(parsed).error).type
    if (typeof type === 'string') layers.push(type)
    inner = message.trim()
  }
  return { innermost: inner, layers: layers.length > 1 ? layers.slice(1) : layers }
}

function messageIn(value: unknown): string | undefined {
  const { error, message } = fieldsOf(value)
  if (typeof error === 'string') return error
  if (error) return messageIn(error)
  return typeof message === 'string' ? message : undefined
}

function parse(text: string): unknown {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** The first 4 kB, no character cut in two. */
function head(text: string): string {
  const bytes = Buffer.from(text)
  return bytes.length <= 4096 ? text : new TextDecoder().decode(bytes.subarray(0, 4096), { stream: true })
}
