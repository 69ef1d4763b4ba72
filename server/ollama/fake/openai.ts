// /v1/chat/completions and /v1/completions: requests turned into native ones, answers into OpenAI's objects and SSE. An
// error after the first chunk is lost here as it is in Ollama: one more chunk with an empty model, no end, no [DONE].

import { encode, type Header } from './answer.ts'
import type { Piece, ToolCall } from './generation.ts'
import type { Call, Job, Summary } from './inference.ts'
import { joinPieces, objects, readTools, textOf } from './native.ts'
import { Refusal } from './refusal.ts'
import { badRequest, type Fields } from './request.ts'
import type { Dialect } from './serve.ts'
import type { World } from './world.ts'

export const sse: Header[] = [['Content-Type', 'text/event-stream']]
export const v1Json: Header[] = [['Content-Type', 'application/json']]

/** What a request on /v1 can't say. */
export const unsaid = {
  load: false,
  runner: {},
  keepAliveMs: undefined,
  alternatives: undefined,
  suffix: false,
  raw: false,
  truncate: true,
  shift: true,
} satisfies Partial<Job>

/** Sampling options by their OpenAI names. */
export function samplingOptions(fields: Fields, limit: string): Fields {
  const options: Fields = {}
  if (typeof fields[limit] === 'number') options.num_predict = fields[limit]
  for (const name of ['seed', 'temperature', 'top_p']) if (fields[name] !== undefined) options[name] = fields[name]
  return options
}

/** The text of a message's content, and whether it has images; throws for an image that is no data URI. */
export function readContent(content: unknown): { text: string; images: boolean } {
  if (typeof content === 'string') return { text: content, images: false }
  let images = false
  const texts = objects(content).map((part) => {
    const address = part.image_url
    if (part.type !== 'image_url') return textOf(part.text)
    const url = typeof address === 'string' ? address : textOf(objects([address])[0]?.url)
    if (/^https?:/.test(url)) {
      throw badRequest('image URLs are not currently supported, please use base64 encoded data instead')
    }
    if (!/^data:(image\/(jpeg|jpg|png|webp))?;base64,/.test(url)) throw badRequest('invalid image input')
    images = true
    return ''
  })
  return { text: texts.join(' '), images }
}

/** Reads /v1/chat/completions. */
export function chatCompletions(world: World, call: Call): Dialect {
  const { fields } = call
  const messages = objects(fields.messages)
  if (messages.length === 0) throw badRequest("[] is too short - 'messages'")
  const contents = messages.map((message) => readContent(message.content))
  const [format] = objects([fields.response_format])
  const job: Job = {
    ...unsaid,
    kind: 'chat',
    model: textOf(fields.model),
    stream: fields.stream === true,
    text: contents.map(({ text }, i) => `${textOf(messages[i]?.role)}: ${text}\n`).join(''),
    lastText: contents.at(-1)?.text ?? '',
    images: contents.some(({ images }) => images),
    afterTool: messages.at(-1)?.role === 'tool',
    options: samplingOptions(fields, 'max_tokens'),
    think: fields.reasoning_effort === 'none' ? false : undefined,
    tools: readTools(fields.tools),
    format: format?.type === 'json_object' ? 'json' : objects([format?.json_schema])[0]?.schema,
  }
  return new Completion(world, job, wantsUsage(fields))
}

/** Reads /v1/completions. */
export function completions(world: World, call: Call): Dialect {
  const { fields } = call
  const prompt = textOf(fields.prompt)
  const job: Job = {
    ...unsaid,
    kind: 'generate',
    model: textOf(fields.model),
    stream: fields.stream === true,
    text: prompt,
    lastText: prompt,
    images: false,
    afterTool: false,
    options: samplingOptions(fields, 'max_tokens'),
    think: undefined,
    tools: [],
    format: undefined,
    suffix: textOf(fields.suffix) !== '',
  }
  return new Completion(world, job, wantsUsage(fields))
}

function wantsUsage(fields: Fields): boolean {
  return objects([fields.stream_options])[0]?.include_usage === true
}

class Completion implements Dialect {
  readonly job: Job
  readonly streamed = sse
  readonly whole = v1Json
  readonly #world: World
  readonly #usage: boolean
  readonly #id = Math.floor(Math.random() * 999)
  #first = true
  #calledTool = false

  constructor(world: World, job: Job, usage: boolean) {
    this.#world = world
    this.job = job
    this.#usage = usage
  }

  missing(name: string): Refusal {
    if (name === '' && this.job.kind === 'chat') return new Refusal(400, 'model is required')
    return new Refusal(404, `model '${name}' not found`)
  }

  loaded(): object {
    return {}
  }

  piece(piece: Piece): string[] {
    if (piece.toolCalls) this.#calledTool = true
    const chat = { ...(this.#first && { role: 'assistant' }), ...message(piece) }
    this.#first = false
    return [event(this.#chunk(chat, piece.content ?? '', null, this.job.model))]
  }

  end(summary: Summary): string[] {
    const last = event(this.#chunk({}, '', this.#reason(summary), this.job.model))
    const usage = this.#usage
      ? event({ ...this.#chunk({}, '', null, this.job.model), choices: [], usage: usageOf(summary) })
      : ''
    return [`${last}${usage}data: [DONE]\n\n`]
  }

  broken(): string[] {
    return [event(this.#chunk({ content: '' }, '', null, ''))]
  }

  body(pieces: Piece[], summary: Summary | undefined): string {
    const joined = joinPieces(pieces)
    this.#calledTool = joined.toolCalls !== undefined
    const finish = summary ? this.#reason(summary) : null
    const choice =
      this.job.kind === 'chat'
        ? { index: 0, message: { role: 'assistant', ...message(joined) }, finish_reason: finish }
        : { text: joined.content, index: 0, finish_reason: finish }
    const head = { ...this.#head(this.job.kind === 'chat' ? 'chat.completion' : 'text_completion') }
    const named = { ...head, model: this.job.model, system_fingerprint: 'fp_ollama' }
    return `${encode({ ...named, choices: [choice], usage: usageOf(summary) })}\n`
  }

  #head(object: string): object {
    const id = `${this.job.kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${this.#id}`
    return { id, object, created: Math.floor(this.#world.clock.wall() / 1000) }
  }

  #chunk(delta: object, text: string, finish: string | null, model: string): object {
    const named = { model, system_fingerprint: 'fp_ollama' }
    if (this.job.kind === 'chat') {
      return { ...this.#head('chat.completion.chunk'), ...named, choices: [{ index: 0, delta, finish_reason: finish }] }
    }
    return { ...this.#head('text_completion'), choices: [{ text, index: 0, finish_reason: finish }], ...named }
  }

  #reason(summary: Summary): string {
    return this.#calledTool ? 'tool_calls' : summary.reason
  }
}

function message({ content = '', thinking, toolCalls }: Piece): object {
  return { content, reasoning: thinking, tool_calls: toolCalls?.map(openaiCall) }
}

function openaiCall({ id, name, arguments: args }: ToolCall, index: number): object {
  return { id, index, type: 'function', function: { name, arguments: encode(args) } }
}

function usageOf(summary: Summary | undefined): object {
  const { promptTokens = 0, tokens = 0 } = summary ?? {}
  return { prompt_tokens: promptTokens, completion_tokens: tokens, total_tokens: promptTokens + tokens }
}

function event(data: object): string {
  return `data: ${encode(data)}\n\n`
}
