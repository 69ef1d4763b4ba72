// What a simulated model says: words chosen by a hash of the prompt, so that the same request has the same answer, as
// plain text, thinking then text, a tool call, or JSON that satisfies a schema. When it is said, and what goes wrong
// meanwhile, is in inference.ts.

import { createHash } from 'node:crypto'
import { Refusal, runnerError, type Stage } from './refusal.ts'

export interface ToolCall {
  id: string
  name: string
  arguments: Record<string, unknown>
}

export interface Logprob {
  token: string
  logprob: number
  bytes: number[]
  top_logprobs?: { token: string; logprob: number; bytes: number[] }[]
}

/** One piece of output: a token of thinking or of text, or the tool calls. */
export interface Piece {
  thinking?: string
  content?: string
  toolCalls?: ToolCall[]
  logprobs?: Logprob[]
}

/** What decides the words. */
export interface Prompt {
  /** Everything that was said to the model. */
  text: string
  /** Weights and seed: another model, another answer. */
  salt: string
  /** Most tokens, when the request says so. */
  numPredict: number | undefined
  /** Tokens of an answer that ends by itself. */
  natural: number
  thinks: boolean
  /** The tool it calls, if it calls one. */
  tool: { name: string; parameters: unknown } | undefined
  /** `json`, a schema, or none. */
  format: unknown
  /** How many alternatives to list with each token; undefined for no logprobs. */
  alternatives: number | undefined
  /** Says this instead. */
  reply: string | undefined
}

const words = (
  'amber anchor basil breeze candle cedar cloud dance delta dragon earth ember engine flame forest garden glass grove ' +
  'harbor haven house inlet island jacket jolly juice karma kettle knife ladder mango meadow nectar north ocean orchid ' +
  'pearl pencil quartz quiet ribbon river saddle stone temple tulip umbra uphill valley vivid willow window xenon yellow'
).split(' ')

/** Pseudo-random numbers from a text. */
class Dice {
  readonly #seed: Buffer
  #count = 0

  constructor(text: string) {
    this.#seed = createHash('sha256').update(text).digest()
  }

  /** A whole number below `n`. */
  roll(n: number): number {
    const i = this.#count++
    const mixed = Math.imul(this.#seed.readUInt32LE((i % 8) * 4) ^ (i + 1), 2_654_435_761)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % n
  }

  word(): string {
    return words[this.roll(words.length)] ?? 'amber'
  }
}

/** The pieces of an answer in order; returns why it ended. */
export function* say(prompt: Prompt): Generator<Piece, 'stop' | 'length'> {
  const dice = new Dice(`${prompt.salt}\0${prompt.text}`)
  if (prompt.tool) {
    yield { content: ' ' }
    const id = `call_${createHash('sha256').update(prompt.text).digest('hex').slice(0, 8)}`
    const value = fitting(prompt.tool.parameters, dice)
    const args = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
    yield { toolCalls: [{ id, name: prompt.tool.name, arguments: args }] }
    return 'stop'
  }
  const limit = prompt.numPredict !== undefined && prompt.numPredict > 0 ? prompt.numPredict : undefined
  let count = 0
  if (prompt.thinks) {
    const thoughts = Math.max(1, Math.floor((limit ?? prompt.natural) / 3))
    for (; count < thoughts; count++) yield { thinking: ` ${dice.word()}` }
  }
  const fixed = prompt.reply ?? (prompt.format === undefined ? undefined : JSON.stringify(fitting(prompt.format, dice)))
  if (fixed === undefined) {
    const total = limit ?? Math.max(prompt.natural, count + 1)
    for (; count < total; count++) {
      const token = ` ${dice.word()}`
      yield { content: token, ...chances(token, prompt.alternatives, dice) }
    }
    return limit === undefined ? 'stop' : 'length'
  }
  for (const [token] of fixed.matchAll(/\s*\S{1,6}|\s+$/g)) {
    if (limit !== undefined && count >= limit) return 'length'
    count++
    yield { content: token, ...chances(token, prompt.alternatives, dice) }
  }
  return 'stop'
}

function chances(token: string, alternatives: number | undefined, dice: Dice): { logprobs?: Logprob[] } {
  if (alternatives === undefined) return {}
  const chance = (text: string) => ({
    token: text,
    logprob: -(dice.roll(5000) + 1) / 1000,
    bytes: [...Buffer.from(text)],
  })
  const logprob: Logprob = chance(token)
  if (alternatives > 0) logprob.top_logprobs = Array.from({ length: alternatives }, () => chance(` ${dice.word()}`))
  return { logprobs: [logprob] }
}

/** A value that satisfies the schema, as far as its types, properties and enums go. */
function fitting(schema: unknown, dice: Dice): unknown {
  if (typeof schema !== 'object' || schema === null) return { answer: dice.word() }
  const { type, properties, items, enum: choices } = schema as Record<string, unknown>
  if (Array.isArray(choices)) return choices[dice.roll(choices.length)]
  if (type === 'string') return dice.word()
  if (type === 'integer') return dice.roll(100)
  if (type === 'number') return dice.roll(1000) / 10
  if (type === 'boolean') return dice.roll(2) === 1
  if (type === 'null') return null
  if (type === 'array') return Array.from({ length: 2 }, () => fitting(items ?? { type: 'string' }, dice))
  const members = typeof properties === 'object' && properties !== null ? Object.entries(properties) : []
  return Object.fromEntries(members.map(([name, property]) => [name, fitting(property, dice)]))
}

/** Throws what Ollama says to a format it cannot follow: neither `json` nor an object, or a reference to nowhere. */
export function checkFormat(format: unknown, stage: Stage): void {
  if (format === undefined || format === 'json' || format === '') return
  if (typeof format !== 'object' || format === null || Array.isArray(format)) {
    const shown = JSON.stringify(JSON.stringify(format))
    throw new Refusal(500, `invalid format: ${shown}; expected "json" or a valid JSON Schema object`, stage)
  }
  const ref = (format as Record<string, unknown>).$ref
  if (typeof ref !== 'string' || !ref.startsWith('#/')) return
  let place: unknown = format
  for (const step of ref.slice(2).split('/')) {
    const inside = typeof place === 'object' && place !== null ? (place as Record<string, unknown>)[step] : undefined
    if (inside === undefined) {
      const message =
        'Unable to generate parser for this template. Automatic parser generation failed: JSON schema conversion ' +
        `failed:\nError resolving ref ${ref}: ${step} not in ${JSON.stringify(sortedKeys(place))}`
      throw runnerError({ code: 400, message, type: 'invalid_request_error' }, stage)
    }
    place = inside
  }
}

/** The same value with every object's members in the order of their names, as Go writes a map. */
export function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sortedKeys(member)]))
}

/** How many tokens a text has: one for each four characters. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / 4)
}
