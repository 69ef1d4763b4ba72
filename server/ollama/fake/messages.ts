// /v1/messages: Anthropic's requests turned into native ones, answers into its message object and its events. An error
// after the first event is lost: the stream just ends.

import { randomBytes } from 'node:crypto'
import { encode, type Header } from './answer.ts'
import { countTokens, type Piece } from './generation.ts'
import type { Call, Job, Summary } from './inference.ts'
import { joinPieces, objects, textOf } from './native.ts'
import { readContent, samplingOptions, sse, unsaid, v1Json } from './openai.ts'
import { Refusal } from './refusal.ts'
import { badRequest } from './request.ts'
import type { Dialect } from './serve.ts'
import type { World } from './world.ts'

/** Headers that Ollama sets on these streams, whatever comes of them. */
export const eventHeaders: Header[] = [
  ['Cache-Control', 'no-cache'],
  ['Connection', 'keep-alive'],
]

/** Reads /v1/messages. */
export function messages(_world: World, call: Call): Dialect {
  const { fields } = call
  const model = textOf(fields.model)
  if (model === '') throw badRequest('model is required')
  if (typeof fields.max_tokens !== 'number' || fields.max_tokens <= 0) {
    throw badRequest('max_tokens is required and must be positive')
  }
  const said = objects(fields.messages)
  if (said.length === 0) throw badRequest('messages is required')
  const contents = said.map((message) => readContent(message.content))
  const job: Job = {
    ...unsaid,
    kind: 'chat',
    model,
    stream: fields.stream === true,
    text: contents.map(({ text }, i) => `${textOf(said[i]?.role)}: ${text}\n`).join(''),
    lastText: contents.at(-1)?.text ?? '',
    images: contents.some(({ images }) => images),
    afterTool: objects(said.at(-1)?.content).some(({ type }) => type === 'tool_result'),
    options: samplingOptions(fields, 'max_tokens'),
    think: undefined,
    tools: objects(fields.tools).map((tool) => ({ name: textOf(tool.name), parameters: tool.input_schema })),
    format: undefined,
  }
  if (job.stream) call.answer.headers.push(...eventHeaders)
  return new Message(job)
}

class Message implements Dialect {
  readonly job: Job
  readonly streamed = sse
  readonly whole = v1Json
  readonly #id = `msg_${randomBytes(12).toString('hex')}`
  #started = false
  #index = 0
  /** The kind of the content block that is open. */
  #open: 'text' | 'thinking' | undefined
  #calledTool = false

  constructor(job: Job) {
    this.job = job
  }

  missing(name: string): Refusal {
    return new Refusal(404, `model '${name}' not found`)
  }

  loaded(): object {
    return {}
  }

  piece({ content, thinking, toolCalls }: Piece): string[] {
    const events: object[] = []
    if (!this.#started) {
      const usage = { input_tokens: Math.max(1, countTokens(this.job.lastText)), output_tokens: 0 }
      events.push({ type: 'message_start', message: { ...this.#head(), content: [], usage } })
      this.#started = true
    }
    if (thinking !== undefined) {
      events.push(...this.#enter('thinking', { type: 'thinking', thinking: '' }))
      events.push(this.#delta({ type: 'thinking_delta', thinking }))
    }
    if (content !== undefined) {
      events.push(...this.#enter('text', { type: 'text', text: '' }))
      events.push(this.#delta({ type: 'text_delta', text: content }))
    }
    for (const { id, name, arguments: args } of toolCalls ?? []) {
      events.push(...this.#leave())
      const block = { type: 'tool_use', id, name, input: {} }
      events.push({ type: 'content_block_start', index: this.#index, content_block: block })
      events.push(this.#delta({ type: 'input_json_delta', partial_json: encode(args) }))
      events.push({ type: 'content_block_stop', index: this.#index++ })
      this.#calledTool = true
    }
    return events.map(event)
  }

  end(summary: Summary): string[] {
    const usage = { input_tokens: summary.promptTokens, output_tokens: summary.tokens }
    const delta = { type: 'message_delta', delta: { stop_reason: this.#reason(summary) }, usage }
    return [...this.#leave(), delta, { type: 'message_stop' }].map(event)
  }

  broken(): string[] {
    return []
  }

  body(pieces: Piece[], summary: Summary | undefined): string {
    const { content = '', thinking, toolCalls } = joinPieces(pieces)
    this.#calledTool = toolCalls !== undefined
    const blocks: object[] = []
    if (thinking !== undefined) blocks.push({ type: 'thinking', thinking })
    if (content !== '') blocks.push({ type: 'text', text: content })
    for (const { id, name, arguments: args } of toolCalls ?? [])
      blocks.push({ type: 'tool_use', id, name, input: args })
    const usage = { input_tokens: summary?.promptTokens ?? 0, output_tokens: summary?.tokens ?? 0 }
    const reason = summary ? this.#reason(summary) : undefined
    return `${encode({ ...this.#head(), content: blocks, stop_reason: reason, usage })}\n`
  }

  #head(): object {
    return { id: this.#id, type: 'message', role: 'assistant', model: this.job.model }
  }

  #enter(kind: 'text' | 'thinking', block: object): object[] {
    if (this.#open === kind) return []
    const left = this.#leave()
    this.#open = kind
    return [...left, { type: 'content_block_start', index: this.#index, content_block: block }]
  }

  #leave(): object[] {
    if (this.#open === undefined) return []
    this.#open = undefined
    return [{ type: 'content_block_stop', index: this.#index++ }]
  }

  #delta(delta: object): object {
    return { type: 'content_block_delta', index: this.#index, delta }
  }

  #reason(summary: Summary): string {
    if (this.#calledTool) return 'tool_use'
    return summary.reason === 'length' ? 'max_tokens' : 'end_turn'
  }
}

function event(data: object): string {
  return `event: ${(data as { type: string }).type}\ndata: ${encode(data)}\n\n`
}
