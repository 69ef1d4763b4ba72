// What a finished request gives back, whichever endpoint it was sent to, and how the figures and pictures in it are
// read. Putting the answer together is fold.ts (native streams) and whole.ts (one JSON body).

import type { Usage } from '../job/schema.ts'
import type { Members } from './members.ts'
import { valueOf } from './members.ts'

export interface Answer {
  /** The endpoint's own non-stream answer, one JSON object. */
  response: Buffer
  usage: Usage
  /** Text of the message or of the first choice; '' for embeddings. */
  text: string
  images: Image[]
}

export interface Image {
  /** `image-1.png`, counted from 1. */
  name: string
  contentType: string
  bytes: Buffer
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** Whole, not negative and exact; anything else a target may write counts as absent. */
const whole = (value: number) => (Number.isSafeInteger(value) && value >= 0 ? value : undefined)
/** Nanoseconds as whole milliseconds; absent stays absent. */
const milliseconds = (value: unknown) => (isNumber(value) ? whole(Math.round(value / 1e6)) : undefined)
const count = (value: unknown) => (isNumber(value) ? whole(Math.trunc(value)) : undefined)

function present(usage: Usage): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined))
}

/** The metrics of a native answer. Ollama leaves zeroes out, so an absent one may have been zero. */
export function nativeUsage(members: Members): Usage {
  return present({
    prompt_tokens: count(valueOf(members, 'prompt_eval_count')),
    output_tokens: count(valueOf(members, 'eval_count')),
    load_ms: milliseconds(valueOf(members, 'load_duration')),
    prompt_ms: milliseconds(valueOf(members, 'prompt_eval_duration')),
    output_ms: milliseconds(valueOf(members, 'eval_duration')),
    total_ms: milliseconds(valueOf(members, 'total_duration')),
  })
}

/** The `usage` of a `/v1` answer, in OpenAI's words or in those of Responses and Messages. */
export function v1Usage(members: Members): Usage {
  const usage = fieldsOf(valueOf(members, 'usage'))
  return present({
    prompt_tokens: count(usage.prompt_tokens ?? usage.input_tokens),
    output_tokens: count(usage.completion_tokens ?? usage.output_tokens),
  })
}

/** The same of a job whose runner was loaded so many milliseconds before its request was sent. */
export function withLoad(usage: Usage, ms: number): Usage {
  const own = Math.round(ms)
  if (own === 0) return usage
  const { load_ms = 0, total_ms } = usage
  const total = total_ms === undefined ? {} : { total_ms: whole(total_ms + own) }
  return present({ ...usage, load_ms: whole(load_ms + own), ...total })
}

/** The fields of anything; none when it isn't an object. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const signatures: [bytes: string, at: number, type: string, extension: string][] = [
  ['\x89PNG', 0, 'image/png', 'png'],
  ['\xff\xd8\xff', 0, 'image/jpeg', 'jpg'],
  ['GIF8', 0, 'image/gif', 'gif'],
  ['WEBP', 8, 'image/webp', 'webp'],
]

/** A picture may come as a data URL, which says what it is where its first bytes do not. */
const dataUrl = /^data:([\w.+/-]*)(?:;[^,;]*)*;base64,/i

/**
 * Base64 pictures and data URLs as files, numbered in their order. What neither its first bytes nor its URL tell is
 * `application/octet-stream`; what is no base64 is no picture, and stays in the answer only.
 */
export function imagesOf(encoded: unknown[]): Image[] {
  const images: Image[] = []
  for (const text of encoded) {
    const url = typeof text === 'string' ? dataUrl.exec(text.slice(0, 200)) : null
    const bytes = typeof text === 'string' ? decoded(text.slice(url?.[0].length ?? 0)) : undefined
    if (!bytes) continue
    const head = bytes.toString('latin1', 0, 16)
    const known = signatures.find(([signature, at]) => head.startsWith(signature, at))
    const named = signatures.find(([, , type]) => type === url?.[1]?.toLowerCase())
    const [, , contentType, extension] = known ?? named ?? ['', 0, 'application/octet-stream', 'bin']
    images.push({ name: `image-${images.length + 1}.${extension}`, contentType, bytes })
  }
  return images
}

/** Undefined when it is nothing, or not base64 from its first sign to its last. */
function decoded(text: string): Buffer | undefined {
  if (text.length % 4 === 1) return undefined
  const bytes = Buffer.from(text, 'base64')
  // Node skips what it does not know: then there is less than there should be.
  return bytes.length > 0 && bytes.length === Buffer.byteLength(text, 'base64') ? bytes : undefined
}
