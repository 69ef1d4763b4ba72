// A request body as its Go struct sees it: which fields a route has, which JSON kinds they take, and Go's words when one
// has another. What the values mean is up to the routes.

import { decode, SyntaxFault } from './decode.ts'
import { Refusal, type Stage } from './refusal.ts'

/** A Go struct: its name in errors and the Go type of each field whose kind is checked. */
interface Struct {
  name: string
  fields: Record<string, string>
}

const shared = {
  model: 'string',
  stream: 'bool',
  options: 'map[string]interface {}',
  truncate: 'bool',
  shift: 'bool',
  logprobs: 'bool',
  top_logprobs: 'int',
}

const embedding = { model: 'string', options: 'map[string]interface {}' }

const structs: Record<string, Struct> = {
  '/api/chat': { name: 'ChatRequest', fields: { ...shared, messages: '[]api.Message', tools: 'api.Tools' } },
  '/api/generate': {
    name: 'GenerateRequest',
    fields: { ...shared, prompt: 'string', suffix: 'string', system: 'string', template: 'string', raw: 'bool' },
  },
  '/api/embed': { name: 'EmbedRequest', fields: { ...embedding, truncate: 'bool', dimensions: 'int' } },
  '/api/embeddings': { name: 'EmbeddingRequest', fields: { ...embedding, prompt: 'string' } },
  '/api/show': { name: 'ShowRequest', fields: { model: 'string', name: 'string', verbose: 'bool' } },
  '/api/copy': { name: 'CopyRequest', fields: { source: 'string', destination: 'string' } },
  '/api/delete': { name: 'DeleteRequest', fields: { model: 'string', name: 'string' } },
  '/api/pull': { name: 'PullRequest', fields: { model: 'string', name: 'string', stream: 'bool', insecure: 'bool' } },
  '/api/push': { name: 'PushRequest', fields: { model: 'string', name: 'string', stream: 'bool', insecure: 'bool' } },
  '/api/create': {
    name: 'CreateRequest',
    fields: { model: 'string', from: 'string', stream: 'bool', files: 'map[string]string', system: 'string' },
  },
  '/v1/chat/completions': {
    name: 'ChatCompletionRequest',
    fields: { model: 'string', messages: '[]openai.Message', stream: 'bool', max_tokens: 'int', seed: 'int' },
  },
  '/v1/completions': {
    name: 'CompletionRequest',
    fields: { model: 'string', stream: 'bool', max_tokens: 'int', seed: 'int' },
  },
  '/v1/embeddings': { name: 'EmbedRequest', fields: { model: 'string', dimensions: 'int', encoding_format: 'string' } },
  '/v1/responses': {
    name: 'ResponsesRequest',
    fields: { model: 'string', stream: 'bool', max_output_tokens: 'int', instructions: 'string' },
  },
  '/v1/messages': {
    name: 'MessagesRequest',
    fields: { model: 'string', messages: '[]anthropic.MessageParam', stream: 'bool', max_tokens: 'int' },
  },
}

/** The JSON kind a Go type is filled from. */
function kindOf(type: string): string {
  if (type === 'string' || type === 'bool') return type
  if (type === 'int') return 'number'
  return type.startsWith('[]') || type === 'api.Tools' ? 'array' : 'object'
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

export type Fields = Record<string, unknown>

/**
 * The fields of a body, names in lower case, nulls left out. Throws the 400 Ollama answers for nothing, for what is not
 * JSON, and for a field of another kind.
 */
export function readFields(path: string, body: string): Fields {
  const v1 = path.startsWith('/v1/')
  const struct = structs[path] ?? { name: 'Request', fields: {} }
  let value: unknown
  try {
    value = decode(body)
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error
    throw badRequest(error.message === 'EOF' && !v1 ? 'missing request body' : error.message)
  }
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest(
      `json: cannot unmarshal ${jsonKind(value)} into Go value of type ${v1 ? 'openai' : 'api'}.${struct.name}`,
    )
  }
  const fields: Fields = {}
  for (const [written, member] of Object.entries(value)) {
    const name = written.toLowerCase()
    if (member === null) continue
    const type = struct.fields[name]
    if (type !== undefined && jsonKind(member) !== kindOf(type)) {
      throw badRequest(
        `json: cannot unmarshal ${jsonKind(member)} into Go struct field ${struct.name}.${name} of type ${type}`,
      )
    }
    if (type === 'int' && !Number.isInteger(member)) {
      throw badRequest(
        `json: cannot unmarshal number ${String(member)} into Go struct field ${struct.name}.${name} of type int`,
      )
    }
    fields[name] = member
  }
  return fields
}

/** A 400 that the converters of /v1 answer before the handler runs. */
export function badRequest(text: string, stage: Stage = 'door'): Refusal {
  return new Refusal(400, text, stage)
}

const units: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** keep_alive in milliseconds, Infinity for ever; undefined when the request does not carry it. */
export function keepAliveMs(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return value < 0 ? Infinity : value * 1000
  if (typeof value !== 'string') {
    const type =
      typeof value === 'boolean' ? 'bool' : Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
    throw badRequest(`Unsupported type: '${type}'`)
  }
  const [, sign, rest = ''] = /^([+-]?)(.*)$/s.exec(value) ?? []
  if (rest === '') throw badRequest(`time: invalid duration ${JSON.stringify(value)}`)
  let ms = 0
  if (rest !== '0') {
    if (!/^([0-9]+\.?[0-9]*|\.[0-9]+)/.test(rest)) throw badRequest(`time: invalid duration ${JSON.stringify(value)}`)
    for (const [, number = '', unit = ''] of rest.matchAll(/([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)/g)) {
      if (unit === '') throw badRequest(`time: missing unit in duration ${JSON.stringify(value)}`)
      const factor = units[unit]
      if (factor === undefined) throw badRequest(`time: unknown unit "${unit}" in duration ${JSON.stringify(value)}`)
      ms += Number(number) * factor
    }
  }
  return sign === '-' && ms > 0 ? Infinity : ms
}

const integers =
  'num_keep seed num_predict top_k repeat_last_n num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict'
const floats = 'top_p min_p typical_p temperature repeat_penalty presence_penalty frequency_penalty'
const optionTypes = new Map<string, string>([
  ...integers.split(' ').map((name) => [name, 'integer'] as const),
  ...floats.split(' ').map((name) => [name, 'float32'] as const),
  ['use_mmap', 'boolean'],
  ['stop', 'array'],
])

/** Throws Ollama's 500 for an option of the wrong type; unknown options pass, as they do there. */
export function checkOptions(options: Fields): void {
  for (const [name, value] of Object.entries(options)) {
    const type = optionTypes.get(name)
    if (type === undefined || value === null) continue
    const right =
      type === 'array'
        ? Array.isArray(value)
        : type === 'boolean'
          ? typeof value === 'boolean'
          : typeof value === 'number'
    if (!right) throw new Refusal(500, `option ${JSON.stringify(name)} must be of type ${type}`)
  }
}
