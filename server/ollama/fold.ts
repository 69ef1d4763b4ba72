// Rebuilds the answer Ollama would have given to `stream:false` from the lines of its stream: text, thinking, tool
// calls and logprobs of all lines joined, every other field as the last line wrote it, in the order of Ollama's own
// structs. Nothing is parsed and written anew but the joined texts, so every number keeps its digits.

import { imagesOf, nativeUsage, type Answer } from './answer.ts'
import { membersOf, valueOf, type Members } from './members.ts'

// The order of Ollama's structs; needed only where the last line lacks a field that the whole answer has.
const metrics = [
  'total_duration',
  'load_duration',
  'prompt_eval_count',
  'prompt_eval_duration',
  'eval_count',
  'eval_duration',
]
const head = ['model', 'remote_model', 'remote_host', 'created_at']
const orders = {
  '/api/chat': [...head, 'message', 'done', 'done_reason', '_debug_info', 'logprobs', ...metrics],
  '/api/generate': head
    .concat('response', 'thinking', 'done', 'done_reason', 'context', metrics)
    .concat('tool_calls', '_debug_info', 'logprobs', 'image'),
  message: ['role', 'content', 'thinking', 'images', 'tool_calls', 'tool_name', 'tool_call_id'],
}

export class Fold {
  /** How the stream ended, as far as a line told: null while none has. Lines after the end don't count. */
  ended: 'done' | 'error' | null = null
  /** The line that ended it with an error. */
  error: Buffer | undefined
  readonly #endpoint: '/api/chat' | '/api/generate'
  #text = ''
  #thinking = ''
  #toolCalls: string[] = []
  #logprobs: string[] = []
  #images: unknown[] = []
  #last: Members = new Map()

  constructor(endpoint: '/api/chat' | '/api/generate') {
    this.#endpoint = endpoint
  }

  /** Takes the next line. Throws SyntaxError when it isn't a JSON object. */
  add(line: Buffer): void {
    if (this.ended) return
    const members = membersOf(line)
    if (members.has('error')) {
      this.ended = 'error'
      this.error = line
      return
    }
    const said = this.#endpoint === '/api/chat' ? messageOf(members) : members
    this.#text += stringOf(said, this.#endpoint === '/api/chat' ? 'content' : 'response')
    this.#thinking += stringOf(said, 'thinking')
    this.#toolCalls.push(...elementsOf(said, 'tool_calls'))
    this.#logprobs.push(...elementsOf(members, 'logprobs'))
    // A chat may show them on its way; of a generation the last line has the one that is meant.
    if (this.#endpoint === '/api/chat') this.#images.push(...arrayOf(valueOf(said, 'images')))
    else this.#images = [valueOf(said, 'image')]
    this.#last = members
    if (valueOf(members, 'done') === true) this.ended = 'done'
  }

  /** The whole answer, once `ended` is `done`. Throws SyntaxError when what a line carried isn't JSON inside. */
  answer(): Answer {
    const chat = this.#endpoint === '/api/chat'
    const last = this.#last
    const said = chat ? messageOf(last) : last
    const usage = nativeUsage(last)
    const images = imagesOf(this.#images)
    return {
      response: this.#response(chat, said),
      usage,
      text: this.#text,
      images,
    }
  }

  #response(chat: boolean, said: Members): Buffer {
    const whole = texts(this.#last)
    const inner = chat ? texts(said) : whole
    const innerOrder = chat ? orders.message : orders[this.#endpoint]
    put(inner, innerOrder, chat ? 'content' : 'response', goString(this.#text))
    if (this.#thinking !== '') put(inner, innerOrder, 'thinking', goString(this.#thinking))
    if (this.#toolCalls.length > 0) put(inner, innerOrder, 'tool_calls', `[${this.#toolCalls.join(',')}]`)
    if (chat) put(whole, orders[this.#endpoint], 'message', objectOf(inner))
    if (this.#logprobs.length > 0) put(whole, orders[this.#endpoint], 'logprobs', `[${this.#logprobs.join(',')}]`)
    return Buffer.from(objectOf(whole))
  }
}

type Texts = [key: string, text: string][]

const texts = (members: Members): Texts => [...members].map(([key, raw]) => [key, raw.toString()])
const objectOf = (members: Texts) => `{${members.map(([key, text]) => `${goString(key)}:${text}`).join(',')}}`

/** Sets a member in place, or puts it where Ollama's struct has it: behind the last one that comes before it there. */
function put(members: Texts, order: string[], key: string, text: string): void {
  const there = members.find(([name]) => name === key)
  if (there) {
    there[1] = text
    return
  }
  const rank = order.indexOf(key)
  const before = members.findLastIndex(([name]) => order.indexOf(name) !== -1 && order.indexOf(name) < rank)
  members.splice(before + 1, 0, [key, text])
}

/** A JSON string as Go's encoder writes it: also the signs that would mean something to HTML are escaped. */
function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function messageOf(members: Members): Members {
  const raw = members.get('message')
  return raw && raw[0] === 0x7b ? membersOf(raw) : new Map()
}

function stringOf(members: Members, key: string): string {
  const value = valueOf(members, key)
  return typeof value === 'string' ? value : ''
}

const arrayOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** The text between the brackets of an array member; none when it is absent, null or empty. */
function elementsOf(members: Members, key: string): string[] {
  const raw = members.get(key)?.toString() ?? ''
  const inner = raw.startsWith('[') ? raw.slice(1, -1).trim() : ''
  return inner === '' ? [] : [inner]
}
