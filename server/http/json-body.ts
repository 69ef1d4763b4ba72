// The JSON body of foreman's own routes. The values a procedure wants verbatim are checked but never parsed: their exact
// bytes are kept, and a skeleton of the few members that foreman looks at stands in for them in the parsed input, so
// that a body of 60 MB costs neither a stall nor a digit.

import type { Readable } from 'node:stream'
import { ForemanError } from '../job/error.ts'
import { lookedAt } from '../job/submit.ts'
import { readText, pointerOf, type JsonText } from './json-text.ts'
import { Pace } from './pace.ts'
import type { Capture } from './scan.ts'

export interface JsonBody {
  /** The parsed input, skeletons in the place of verbatim values. */
  value: unknown
  /** The exact text of verbatim values, by JSON pointer. */
  verbatim: ReadonlyMap<string, readonly Buffer[]>
  /** The whole text, and the part of it at the pointer of what holds verbatim values. */
  text: (pointer?: string) => readonly Buffer[]
}

export interface JsonBodyOptions {
  /** Most bytes in all; beyond them `too_large`. */
  limit: number
  /** Takes room for so many bytes more; throws when there is none. */
  take?: (bytes: number) => void
  /** Path of the verbatim values, `*` for any index; without one the whole body is parsed. */
  verbatim?: readonly string[]
}

/** Everything around the verbatim values is parsed in one go, so it has a limit of its own. */
const parsedLimit = 4 * 1024 * 1024
const memberLimit = 64 * 1024
const step_ms = 4

/** Throws `invalid_request` (400) for what is not JSON and `too_large` (413); an empty body reads as `{}`. */
export async function readJson(stream: Readable, { limit, take, verbatim }: JsonBodyOptions): Promise<JsonBody> {
  const looked = verbatim ? lookedAt.map((name) => [...verbatim, name]) : []
  const capture = verbatim ? [[...verbatim], verbatim.slice(0, -2), ...looked] : []
  // Inside a verbatim value the target reads the names, and it takes them in any case.
  const text = await readText(stream, { limit, take, capture, foldFrom: verbatim?.length })
  if (text.pieces.size === 0) return { value: {}, verbatim: new Map(), text: () => [Buffer.from('{}')] }
  return assemble(text, verbatim?.length ?? 0)
}

/**
 * A text that is verbatim as a whole: the skeleton of it, and its exact bytes without the space around them. Throws like
 * `readJson`, for an empty one too.
 */
export async function readVerbatim(
  stream: Readable,
  limit: number,
): Promise<{ skeleton: unknown; text: readonly Buffer[] }> {
  const { pieces, captures } = await readText(stream, {
    limit,
    capture: [[], ...lookedAt.map((name) => [name])],
    foldFrom: 0,
  })
  const whole = captures.find(({ path }) => path.length === 0)
  if (!whole) throw new ForemanError('invalid_request', 'not JSON: the body is empty', { status: 400 })
  const cut = (start: number, end: number) => Buffer.concat(pieces.between(start, end)).toString()
  const members = captures.filter(({ path }) => path.length === 1)
  const skeleton = members.map((member) => `${JSON.stringify(String(member.path[0]))}:${small(member, cut)}`)
  const text = whole.kind === 'object' ? `{${skeleton.join(',')}}` : placeholder(whole.kind)
  return { skeleton: JSON.parse(text), text: pieces.between(whole.start, whole.end) }
}

async function assemble(text: JsonText, depth: number): Promise<JsonBody> {
  const { pieces, captures } = text
  const whole = captures.filter((c) => c.path.length === depth && depth > 0)
  let parsed = 0
  const cut = (start: number, end: number) => {
    parsed += end - start
    if (parsed > parsedLimit)
      throw new ForemanError('too_large', `everything but request bodies is limited to ${parsedLimit} bytes`)
    return Buffer.concat(pieces.between(start, end)).toString()
  }
  const envelope: string[] = []
  const verbatim = new Map<string, readonly Buffer[]>()
  const pace = new Pace(step_ms)
  let at = 0
  const members = captures.filter((c) => c.path.length === depth + 1)
  let m = 0
  for (const { path, start, end, kind } of whole) {
    if (pace.tired) await pace.rest()
    envelope.push(cut(at, start))
    const inside: string[] = []
    for (; m < members.length && (members[m] as Capture).start < end; m++) {
      const member = members[m] as Capture
      if (member.start < start) continue
      inside.push(`${JSON.stringify(String(member.path.at(-1)))}:${small(member, cut)}`)
    }
    envelope.push(kind === 'object' ? `{${inside.join(',')}}` : placeholder(kind))
    verbatim.set(pointerOf(path), pieces.between(start, end))
    at = end
  }
  envelope.push(cut(at, pieces.size))
  let holders: Map<string, Capture> | undefined
  return {
    value: JSON.parse(envelope.join('')),
    verbatim,
    text: (pointer = '') => {
      holders ??= text.at(depth - 2)
      const range = holders.get(pointer)
      return range ? pieces.between(range.start, range.end) : pieces.all
    },
  }
}

/** A member as it is when it is small; else a value of its kind, which is all that is looked at in a large one. */
function small({ start, end, kind }: Capture, cut: (start: number, end: number) => string): string {
  return end - start <= memberLimit ? cut(start, end) : placeholder(kind)
}

function placeholder(kind: Capture['kind']): string {
  return kind === 'object' ? '{}' : kind === 'array' ? '[]' : kind === 'string' ? '"…"' : kind === 'number' ? '0' : kind
}
