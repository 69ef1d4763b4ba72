// /api/chat and /api/generate: how a native request is read and how its NDJSON lines and its whole answer look, field by
// field in Ollama's order.

import { runnerOptions } from '../../job/affinity.ts'
import { encode, timestamp, type Header } from './answer.ts'
import type { Piece, ToolCall } from './generation.ts'
import type { Call, Job, Summary } from './inference.ts'
import { Refusal } from './refusal.ts'
import { badRequest, keepAliveMs, type Fields } from './request.ts'
import type { Dialect } from './serve.ts'
import type { World } from './world.ts'

const ndjson: Header[] = [['Content-Type', 'application/x-ndjson']]
const json: Header[] = [['Content-Type', 'application/json; charset=utf-8']]

/** Reads /api/chat. */
export function chat(world: World, call: Call): Dialect {
  const { fields } = call
  const messages = objects(fields.messages)
  const text = messages.map((message) => `${textOf(message.role)}: ${textOf(message.content)}\n`).join('')
  const last = messages.at(-1)
  const job: Job = {
    ...common(fields, '/api/chat'),
    kind: 'chat',
    load: messages.length === 0,
    text,
    lastText: textOf(last?.content),
    images: messages.some((message) => objects(message.images, true).length > 0),
    afterTool: last?.role === 'tool',
    tools: readTools(fields.tools),
    suffix: false,
    raw: false,
  }
  return new Lines(world, job)
}

/** Reads /api/generate. */
export function generate(world: World, call: Call): Dialect {
  const { fields } = call
  const prompt = textOf(fields.prompt)
  const job: Job = {
    ...common(fields, '/api/generate'),
    kind: 'generate',
    load: prompt === '',
    text: `${textOf(fields.system)}${prompt}`,
    lastText: prompt,
    images: objects(fields.images, true).length > 0,
    afterTool: false,
    tools: [],
    suffix: textOf(fields.suffix) !== '',
    raw: fields.raw === true,
  }
  return new Lines(world, job)
}

function common(fields: Fields, endpoint: string) {
  const top = typeof fields.top_logprobs === 'number' ? fields.top_logprobs : 0
  if (top < 0 || top > 20) throw new Refusal(400, 'top_logprobs must be between 0 and 20')
  checkThink(fields.think)
  const options = typeof fields.options === 'object' ? (fields.options as Fields) : {}
  return {
    model: textOf(fields.model),
    stream: fields.stream !== false,
    options,
    runner: runnerOptions(endpoint, { options, shift: fields.shift }),
    keepAliveMs: keepAliveMs(fields.keep_alive),
    think: fields.think,
    format: fields.format,
    alternatives: fields.logprobs === true ? top : undefined,
    truncate: fields.truncate !== false,
    shift: fields.shift !== false,
  }
}

function checkThink(think: unknown): void {
  if (think === undefined || typeof think === 'boolean') return
  if (typeof think !== 'string')
    throw badRequest('think must be a boolean or string ("high", "medium", "low", true, or false)')
  if (['high', 'medium', 'low'].includes(think)) return
  throw badRequest(`invalid think value: ${JSON.stringify(think)} (must be "high", "medium", "low", true, or false)`)
}

/** A string, or nothing. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The objects of a list; with `any` all its members. */
export function objects(value: unknown, any = false): Fields[] {
  if (!Array.isArray(value)) return []
  return value.filter((member: unknown): member is Fields => any || (typeof member === 'object' && member !== null))
}

/** Tools as /api/chat and /v1/chat/completions offer them. */
export function readTools(value: unknown): Job['tools'] {
  return objects(value).map((tool) => {
    const [offered] = objects([tool.function])
    return { name: textOf(offered?.name), parameters: offered?.parameters }
  })
}

/** Lines of chat and generate, which differ in where the text stands. */
class Lines implements Dialect {
  readonly job: Job
  readonly streamed = ndjson
  readonly whole = json
  readonly #world: World
  #lines = 0

  constructor(world: World, job: Job) {
    this.#world = world
    this.job = job
  }

  missing(name: string): Refusal {
    if (name === '' && this.job.kind === 'chat') return new Refusal(400, 'model is required')
    return new Refusal(404, `model '${name}' not found`)
  }

  loaded(reason: 'load' | 'unload'): object {
    return { ...this.#head({}), done: true, done_reason: reason }
  }

  piece(piece: Piece): string[] {
    return [line({ ...this.#head(piece), done: false, logprobs: piece.logprobs })]
  }

  end(summary: Summary): string[] {
    return [line({ ...this.#head({}), done: true, ...this.#metrics(summary) })]
  }

  broken(text: string): string[] {
    return [line({ error: text })]
  }

  body(pieces: Piece[], summary: Summary | undefined): string {
    const joined = joinPieces(pieces)
    const metrics = summary ? { done: true, ...this.#metrics(summary) } : { done: false }
    return encode({ ...this.#head(joined), ...metrics, logprobs: joined.logprobs })
  }

  #head({ content = '', thinking, toolCalls }: Piece): object {
    const { model, kind } = this.job
    const calls = toolCalls?.map(nativeCall)
    const head = { model, created_at: timestamp(this.#world.clock.wall(), 100_001 + 977 * this.#lines++) }
    if (kind === 'chat') return { ...head, message: { role: 'assistant', content, thinking, tool_calls: calls } }
    return { ...head, response: content, thinking, tool_calls: calls }
  }

  #metrics(summary: Summary): object {
    // The tokens of prompt and answer; the numbers mean nothing, there are as many as were counted.
    const context =
      this.job.kind === 'generate' && !this.job.raw
        ? Array.from({ length: summary.promptTokens + summary.tokens }, (_, i) => 100 + (i % 200))
        : undefined
    return {
      done_reason: summary.reason,
      context,
      total_duration: summary.totalNs,
      load_duration: summary.loadNs,
      prompt_eval_count: summary.promptTokens,
      prompt_eval_duration: summary.promptNs,
      eval_count: summary.tokens,
      eval_duration: summary.tokensNs,
    }
  }
}

function line(value: object): string {
  return `${encode(value)}\n`
}

function nativeCall({ id, name, arguments: args }: ToolCall, index: number): object {
  return { id, function: { index, name, arguments: args } }
}

/** All pieces as one: texts joined, lists concatenated, what never came left out. */
export function joinPieces(pieces: Piece[]): Piece {
  const joined: Piece = { content: pieces.map(({ content }) => content ?? '').join('') }
  const thinking = pieces.map((piece) => piece.thinking ?? '').join('')
  if (thinking !== '') joined.thinking = thinking
  const toolCalls = pieces.flatMap((piece) => piece.toolCalls ?? [])
  if (toolCalls.length > 0) joined.toolCalls = toolCalls
  const logprobs = pieces.flatMap((piece) => piece.logprobs ?? [])
  if (logprobs.length > 0) joined.logprobs = logprobs
  return joined
}
