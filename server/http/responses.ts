// A job as OpenAI's Response object: its id, its status, and every member that OpenAI's clients insist on. Pure; the
// routes that answer with it are in background.ts.

import type { Job, JobError } from '../job/schema.ts'
import type { State } from '../job/state.ts'

const statuses: Readonly<Record<State, string>> = {
  queued: 'queued',
  loading: 'in_progress',
  working: 'in_progress',
  done: 'completed',
  failed: 'failed',
  canceled: 'cancelled',
}

/** The state of a job in OpenAI's words. What a done job's own answer says of itself, `incomplete` say, goes before it. */
export function statusOf(state: State): string {
  return statuses[state]
}

/** The id of a job among OpenAI's responses. */
export function responseIdOf(jobId: string): string {
  return jobId.replace('job_', 'resp_')
}

/** The id of the job that a response would be of. */
export function jobIdOf(responseId: string): string {
  return responseId.replace('resp_', 'job_')
}

/** What of a request its response repeats, and what stands there if the request says nothing: Ollama's own defaults. */
const repeated: Readonly<Record<string, unknown>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: null,
  safety_identifier: null,
  service_tier: 'default',
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
}

/** The members of a request's body that `responseOf` wants. */
export const repeatedNames: readonly string[] = ['model', ...Object.keys(repeated)]

/** What foreman says of a response, whatever the target's own object has there. `request` is of `repeatedNames`. */
export function ownMembers({ id, created_at }: Job, request: Readonly<Record<string, unknown>>) {
  return {
    id: responseIdOf(id),
    created_at: Math.floor(Date.parse(created_at) / 1000),
    background: true,
    store: true,
    metadata: request.metadata ?? {},
  }
}

/** The whole object for a job that has no answer, yet or for ever. `request` is of `repeatedNames`. */
export function responseOf(job: Job, request: Readonly<Record<string, unknown>>) {
  const said = Object.entries(repeated).map(([name, unsaid]) => [name, request[name] ?? unsaid])
  return {
    object: 'response',
    status: statusOf(job.state),
    model: request.model ?? job.request.model,
    output: [],
    error: job.error ? errorOf(job.error) : null,
    incomplete_details: null,
    completed_at: null,
    usage: null,
    ...(Object.fromEntries(said) as Record<string, unknown>),
    ...ownMembers(job, request),
  }
}

/** OpenAI's list of codes is closed, and generated clients read no other: the message says foreman's own. */
function errorOf({ code, detail }: JobError) {
  return { code: code === 'target_refused' ? 'invalid_prompt' : 'server_error', message: `${detail} (${code})` }
}
