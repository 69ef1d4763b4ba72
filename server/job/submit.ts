// What a caller hands in: the submit input and everything that is known to be wrong with a request before it is sent.
// The body is the endpoint's own and stays free; only what the target is sure to refuse is refused here.

import { z } from 'zod'
import { parseModel } from './affinity.ts'

/** The inference routes a job may defer. Native ones stream inside, `/v1` ones never do. */
export const endpoints = [
  '/api/chat',
  '/api/generate',
  '/api/embed',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/messages',
] as const
export type Endpoint = (typeof endpoints)[number]

export const isEndpoint = (path: string): path is Endpoint => (endpoints as readonly string[]).includes(path)

export const isNative = (endpoint: string) => endpoint.startsWith('/api/')
export const isEmbedding = (endpoint: string) => endpoint === '/api/embed' || endpoint === '/v1/embeddings'
/** Whether the answer to a job comes word by word. */
export const streams = (endpoint: string): endpoint is '/api/chat' | '/api/generate' =>
  endpoint === '/api/chat' || endpoint === '/api/generate'

type OptionType = 'integer' | 'number' | 'boolean' | 'array of strings'

/** The type Ollama insists on for each option it knows; others it ignores. A null is taken as absent. */
const optionTypes: Readonly<Record<string, OptionType>> = {
  num_ctx: 'integer',
  num_batch: 'integer',
  num_gpu: 'integer',
  main_gpu: 'integer',
  num_thread: 'integer',
  num_keep: 'integer',
  num_predict: 'integer',
  draft_num_predict: 'integer',
  seed: 'integer',
  top_k: 'integer',
  repeat_last_n: 'integer',
  temperature: 'number',
  top_p: 'number',
  min_p: 'number',
  typical_p: 'number',
  repeat_penalty: 'number',
  presence_penalty: 'number',
  frequency_penalty: 'number',
  use_mmap: 'boolean',
  stop: 'array of strings',
}

function fits(value: unknown, type: OptionType): boolean {
  if (type === 'array of strings') return Array.isArray(value) && value.every((v) => typeof v === 'string')
  // Ollama takes 1.5 for an integer and cuts it.
  return type === 'boolean' ? typeof value === 'boolean' : typeof value === 'number'
}

/** The members of a body that foreman looks at; all others are the target's alone. */
export const lookedAt = ['model', 'options', 'shift', 'format', 'response_format', 'text'] as const

export interface BodyFault {
  path: string[]
  detail: string
}

/**
 * The target reads `Model` as `model`, so foreman must as well. Where a body is kept as its text that is done by whoever
 * reads the text; a parsed one has to use the one spelling, or the last of two would count there and the first here.
 */
function otherCase(name: string): BodyFault[] {
  const known = lookedAt.find((one) => one !== name && one === name.toLowerCase().replaceAll('ſ', 's'))
  return known ? [{ path: [name], detail: `write it as ${known}` }] : []
}

/** Everything the target is known to refuse about a body; an empty list when it may be sent. */
export function bodyFaults(endpoint: string, body: Record<string, unknown>): BodyFault[] {
  const faults = Object.keys(body).flatMap(otherCase)
  const { model, options } = body
  if (typeof model !== 'string' || model.trim() === '') faults.push({ path: ['model'], detail: 'name a model' })
  else if (!parseModel(model))
    faults.push({ path: ['model'], detail: 'not a model name: [host/][namespace/]model[:tag]' })
  if (!isNative(endpoint) || options === undefined || options === null) return faults
  if (typeof options !== 'object' || Array.isArray(options)) {
    faults.push({ path: ['options'], detail: 'options must be an object' })
    return faults
  }
  for (const [name, value] of Object.entries(options)) {
    const type = optionTypes[name]
    if (type && value !== null && !fits(value, type)) {
      faults.push({ path: ['options', name], detail: `option ${name} must be of type ${type}` })
    }
  }
  return faults
}

/** Whether the answer's text is to be JSON: Ollama's `format`, OpenAI's `response_format` and `text.format`. */
export function asksForJson(endpoint: string, body: Record<string, unknown>): boolean {
  const { format, response_format, text } = body as {
    format?: unknown
    response_format?: { type?: unknown } | null
    text?: { format?: { type?: unknown } } | null
  }
  if (isNative(endpoint)) return format !== undefined && format !== null && format !== ''
  const type = endpoint === '/v1/responses' ? text?.format?.type : response_format?.type
  return type === 'json_object' || type === 'json_schema'
}

export const OllamaBody = z.looseObject({}).meta({
  id: 'OllamaBody',
  description: "The endpoint's own request body, sent to the target as it came, numbers exact. `stream` is ignored.",
})

export const JobRequest = z
  .strictObject({
    endpoint: z.enum(endpoints).meta({ description: 'The Ollama or OpenAI route that the job defers.' }),
    body: OllamaBody,
  })
  .superRefine(({ endpoint, body }, context) => {
    for (const { path, detail } of bodyFaults(endpoint, body)) {
      context.addIssue({ code: 'custom', path: ['body', ...path], message: detail })
    }
  })
  .meta({ id: 'JobRequest' })

export const webhookEvents = ['queued', 'loading', 'working', 'done', 'failed', 'canceled'] as const
export type WebhookEvent = (typeof webhookEvents)[number]

/** The one key that a record of zod's loses without a word is refused. */
function withoutPrototype(given: Record<string, string>, context: z.RefinementCtx): Record<string, string> {
  if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__'))
    context.addIssue({ code: 'custom', path: ['__proto__'], message: 'cannot be a name here' })
  return given
}

const target = z.url({ protocol: /^https?$/ }).max(2048)
const whom = 'Over https and in public, unless FOREMAN_WEBHOOK_ALLOW lists it.'

export const WebhookSpec = z
  .strictObject({
    url: target.meta({ description: `Receiver of state events. ${whom}` }),
    events: z.array(z.enum(webhookEvents)).min(1).optional().meta({ description: 'Default: done, failed, canceled.' }),
    include: z
      .array(z.enum(['response']))
      .optional()
      .meta({ description: 'What job.done brings beside the job: its response, if that has at most 64 kB.' }),
  })
  .meta({ id: 'WebhookSpec' })

export const DeliverSpec = z
  .strictObject({
    url: target
      .optional()
      .meta({ description: `Upload address of each artifact; must contain {name}, and no other braces. ${whom}` }),
    urls: z
      .preprocess(withoutPrototype, z.record(z.string().min(1).max(256), target))
      .optional()
      .meta({ description: `Upload address by artifact name, before that of url. ${whom}` }),
  })
  .superRefine(({ url, urls }, context) => {
    if (Object.keys(urls ?? {}).length > 64) context.addIssue({ code: 'custom', path: ['urls'], message: 'at most 64' })
    if (!url && !urls) context.addIssue({ code: 'custom', path: [], message: 'give url or urls' })
    const others = url?.replaceAll('{name}', '')
    if (url && url === others && !url.includes('%7Bname%7D')) {
      context.addIssue({ code: 'custom', path: ['url'], message: 'must contain {name}' })
    } else if (others && /[{}]/.test(others)) {
      context.addIssue({
        code: 'custom',
        path: ['url'],
        message: 'only {name} is replaced; other braces are written %7B and %7D',
      })
    }
  })
  .meta({ id: 'DeliverSpec' })

export const Labels = z.preprocess(
  withoutPrototype,
  z
    .record(z.string().min(1).max(64), z.string().max(256))
    .superRefine((labels, context) => {
      if (Object.keys(labels).length > 32) context.addIssue({ code: 'custom', path: [], message: 'at most 32 labels' })
    })
    .meta({ id: 'Labels', description: 'At most 32; keys of 64 characters, values of 256.' }),
)

/** Beyond these years a time has another form in UTC than the one that foreman answers with. */
function inFourDigits(time: string): boolean {
  const ms = Date.parse(time)
  // What is no time at all is refused as such.
  return Number.isNaN(ms) || (ms >= 0 && ms < Date.UTC(10_000, 0))
}

export const SubmitJob = z
  .strictObject({
    request: JobRequest,
    webhook: WebhookSpec.optional(),
    deliver: DeliverSpec.optional(),
    idempotency_key: z.string().min(1).max(255).optional(),
    labels: Labels.optional(),
    timeout_s: z.int().min(1).max(2_147_483_647).optional().meta({ description: 'Longest working time in seconds.' }),
    max_attempts: z.int().min(1).max(10).optional(),
    start_by: z.iso
      .datetime({ offset: true })
      .refine(inFourDigits, 'must lie in the years 1970 to 9999, UTC')
      .optional()
      .meta({ description: 'A job not started by then fails; one for a time that has passed is refused.' }),
  })
  .meta({ id: 'SubmitJob' })
export type SubmitJob = z.infer<typeof SubmitJob>

export const SubmitBatch = z.strictObject({ jobs: z.array(SubmitJob).min(1).max(1000) }).meta({ id: 'SubmitBatch' })
