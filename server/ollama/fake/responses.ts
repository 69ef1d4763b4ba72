// /v1/responses: OpenAI's Responses requests turned into native ones, answers into the response object and its numbered
// events, whose members stand in alphabetical order. An error after the first event is lost: the stream just ends.

import { encode } from './answer.ts'
import { sortedKeys, type Piece, type ToolCall } from './generation.ts'
import type { Call, Job, Summary } from './inference.ts'
import { eventHeaders } from './messages.ts'
import { joinPieces, objects, textOf } from './native.ts'
import { readContent, samplingOptions, sse, unsaid, v1Json } from './openai.ts'
import { Refusal } from './refusal.ts'
import type { Dialect } from './serve.ts'
import type { World } from './world.ts'

/** Reads /v1/responses. */
export function responses(world: World, call: Call): Dialect {
  const { fields } = call
  const items = objects(fields.input)
  const contents = items.map((item) => readContent(item.content))
  const text = typeof fields.input === 'string' ? fields.input : contents.map((content) => content.text).join('\n')
  const [format] = objects([objects([fields.text])[0]?.format])
  const job: Job = {
    ...unsaid,
    kind: 'chat',
    model: textOf(fields.model),
    stream: fields.stream === true,
    text: `${textOf(fields.instructions)}${text}`,
    lastText: contents.at(-1)?.text ?? text,
    images: contents.some(({ images }) => images),
    afterTool: items.at(-1)?.type === 'function_call_output',
    options: samplingOptions(fields, 'max_output_tokens'),
    think: undefined,
    tools: objects(fields.tools).map((tool) => ({ name: textOf(tool.name), parameters: tool.parameters })),
    format: format?.type === 'json_schema' ? format.schema : undefined,
  }
  if (job.stream) call.answer.headers.push(...eventHeaders)
  return new Response(world, job, fields)
}

type Item = Record<string, unknown>

class Response implements Dialect {
  readonly job: Job
  readonly streamed = sse
  readonly whole = v1Json
  readonly #world: World
  readonly #fields: Record<string, unknown>
  readonly #number = 1 + Math.floor(Math.random() * 999_999)
  #sequence = 0
  #index = 0
  /** Items that are done, as the last event lists them: the message comes last. */
  #items: Item[] = []
  #thoughts = ''
  #text = ''
  #open: 'reasoning' | 'message' | undefined

  constructor(world: World, job: Job, fields: Record<string, unknown>) {
    this.#world = world
    this.job = job
    this.#fields = fields
  }

  missing(name: string): Refusal {
    return name === '' ? new Refusal(400, 'model is required') : new Refusal(404, `model '${name}' not found`)
  }

  loaded(): object {
    return {}
  }

  piece({ content, thinking, toolCalls }: Piece): string[] {
    const events: string[] = []
    if (this.#sequence === 0) {
      const response = this.#response('in_progress', [], undefined)
      events.push(this.#event('response.created', { response }), this.#event('response.in_progress', { response }))
    }
    if (thinking !== undefined) events.push(...this.#think(thinking))
    if (content !== undefined) events.push(...this.#write(content))
    for (const [i, toolCall] of (toolCalls ?? []).entries()) events.push(...this.#callTool(toolCall, i))
    return events
  }

  end(summary: Summary): string[] {
    const events = this.#closeThinking()
    if (this.#open === 'message') events.push(...this.#closeMessage())
    const response = this.#response('completed', this.#items, summary)
    return [...events, this.#event('response.completed', { response })]
  }

  broken(): string[] {
    return []
  }

  body(pieces: Piece[], summary: Summary | undefined): string {
    const { content = '', thinking = '', toolCalls = [] } = joinPieces(pieces)
    const output: Item[] = []
    if (thinking !== '') {
      const reasoning = [{ type: 'summary_text', text: thinking }]
      output.push({ id: this.#id('rs'), type: 'reasoning', summary: reasoning, encrypted_content: thinking })
    }
    for (const { id, name, arguments: args } of toolCalls) {
      const call = { id: this.#id('fc'), type: 'function_call', status: 'completed', call_id: id, name }
      output.push({ ...call, arguments: encode(args) })
    }
    const parts = [{ type: 'output_text', text: content, annotations: [], logprobs: [] }]
    const message = { id: this.#id('msg'), type: 'message', status: 'completed', role: 'assistant', content: parts }
    return `${encode(this.#response('completed', [...output, message], summary))}\n`
  }

  #think(thinking: string): string[] {
    const id = this.#id('rs')
    const events: string[] = []
    if (this.#open === undefined) {
      this.#open = 'reasoning'
      const item = { id, summary: [], type: 'reasoning' }
      events.push(this.#event('response.output_item.added', { item, output_index: this.#index }))
    }
    this.#thoughts += thinking
    const place = { item_id: id, output_index: this.#index, summary_index: 0 }
    return [...events, this.#event('response.reasoning_summary_text.delta', { delta: thinking, ...place })]
  }

  #closeThinking(): string[] {
    if (this.#open !== 'reasoning') return []
    this.#open = undefined
    const id = this.#id('rs')
    const text = this.#thoughts
    const item = { encrypted_content: text, id, summary: [{ text, type: 'summary_text' }], type: 'reasoning' }
    this.#items.push(item)
    const place = { item_id: id, output_index: this.#index, summary_index: 0 }
    const done = this.#event('response.reasoning_summary_text.done', { ...place, text })
    return [done, this.#event('response.output_item.done', { item, output_index: this.#index++ })]
  }

  #write(delta: string): string[] {
    const events = this.#closeThinking()
    const place = { item_id: this.#id('msg'), output_index: this.#index, content_index: 0 }
    if (this.#open === undefined) {
      this.#open = 'message'
      const item = this.#message('in_progress', [])
      events.push(this.#event('response.output_item.added', { item, output_index: this.#index }))
      events.push(this.#event('response.content_part.added', { ...place, part: textPart('') }))
    }
    this.#text += delta
    return [...events, this.#event('response.output_text.delta', { ...place, delta, logprobs: [] })]
  }

  #closeMessage(): string[] {
    const place = { item_id: this.#id('msg'), output_index: this.#index, content_index: 0 }
    const item = this.#message('completed', [textPart(this.#text)])
    this.#items.push(item)
    return [
      this.#event('response.output_text.done', { ...place, text: this.#text, logprobs: [] }),
      this.#event('response.content_part.done', { ...place, part: textPart(this.#text) }),
      this.#event('response.output_item.done', { item, output_index: this.#index }),
    ]
  }

  /** A call stands beside the open message with its number, and the message is then closed without events. */
  #callTool({ id, name, arguments: args }: ToolCall, i: number): string[] {
    const itemId = `${this.#id('fc')}_${i}`
    const call = { arguments: '', call_id: id, id: itemId, name, status: 'in_progress', type: 'function_call' }
    const item = { ...call, arguments: encode(args), status: 'completed' }
    const place = { item_id: itemId, output_index: this.#index }
    if (this.#open === 'message') this.#items.push(this.#message('completed', [textPart(this.#text)]))
    this.#items.unshift(item)
    this.#open = undefined
    return [
      this.#event('response.output_item.added', { item: call, output_index: this.#index }),
      this.#event('response.function_call_arguments.delta', { ...place, delta: item.arguments }),
      this.#event('response.function_call_arguments.done', { ...place, arguments: item.arguments }),
      this.#event('response.output_item.done', { item, output_index: this.#index++ }),
    ]
  }

  #message(status: string, content: object[]): Item {
    return { content, id: this.#id('msg'), role: 'assistant', status, type: 'message' }
  }

  #id(kind: 'resp' | 'rs' | 'msg' | 'fc'): string {
    return `${kind}_${this.#number}`
  }

  #response(status: string, output: Item[], summary: Summary | undefined): object {
    const now = Math.floor(this.#world.clock.wall() / 1000)
    const tools = objects(this.#fields.tools).map(({ type, name, description, parameters }) => {
      return { type, name, description, strict: null, parameters }
    })
    const { promptTokens = 0, tokens = 0 } = summary ?? {}
    const usage = {
      input_tokens: promptTokens,
      output_tokens: tokens,
      total_tokens: promptTokens + tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    }
    return {
      id: this.#id('resp'),
      object: 'response',
      created_at: now,
      completed_at: status === 'completed' ? now : null,
      status,
      incomplete_details: null,
      model: this.job.model,
      previous_response_id: null,
      instructions: this.#fields.instructions ?? null,
      output,
      error: null,
      tools,
      tool_choice: 'auto',
      truncation: 'disabled',
      parallel_tool_calls: true,
      text: { format: { type: 'text' } },
      top_p: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      top_logprobs: 0,
      temperature: 1,
      reasoning: null,
      usage: summary ? usage : null,
      max_output_tokens: this.#fields.max_output_tokens ?? null,
      max_tool_calls: null,
      store: false,
      background: this.#fields.background === true,
      service_tier: 'default',
      metadata: {},
      safety_identifier: null,
      prompt_cache_key: null,
    }
  }

  #event(type: string, data: object): string {
    const event = { ...data, sequence_number: this.#sequence++, type }
    return `event: ${type}\ndata: ${encode(sortedKeys(event))}\n\n`
  }
}

function textPart(text: string): object {
  return { annotations: [], logprobs: [], text, type: 'output_text' }
}
