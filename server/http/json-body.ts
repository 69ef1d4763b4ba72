// Reads the JSON body of foreman's own routes. The values a procedure wants verbatim are checked but never parsed:
// their exact bytes are kept, and a skeleton of the few members that foreman looks at stands in for them in the parsed
// input, so that a body of 60 MB costs neither a stall nor a digit.

import type { Readable } from 'node:stream'
import { setImmediate as breathe } from 'node:timers/promises'
import { ForemanError } from '../job/error.ts'
import { lookedAt } from '../job/submit.ts'
import { Pieces } from './pieces.ts'
import { JsonScan, JsonSyntaxError, type Capture } from './scan.ts'

export interface JsonBody {
  /** The parsed input, skeletons in the place of verbatim values. */
  value: unknown
  /** The exact text of verbatim values, by JSON pointer. */
  verbatim: ReadonlyMap<string, readonly Buffer[]>
  /** The whole text, and the part of it at a pointer's value. */
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
const captureLimit = 50_000
const slice = 64 * 1024
const slice_ms = 2

/** Throws `invalid_request` (400) for what is not JSON and `too_large` (413); an empty body reads as `{}`. */
export async function readJson(stream: Readable, { limit, take, verbatim }: JsonBodyOptions): Promise<JsonBody> {
  const looked = verbatim ? lookedAt.map((name) => [...verbatim, name]) : []
  const capture = verbatim ? [[...verbatim], verbatim.slice(0, -2), ...looked] : []
  // Inside a verbatim value the target reads the names, and it takes them in any case.
  const scan = new JsonScan({ mode: 'strict', capture, limit: captureLimit, foldFrom: verbatim?.length })
  const pieces = new Pieces()
  let size = 0
  let began = performance.now()
  try {
    // Leaving early must not destroy the stream: its socket still has the refusal to carry.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limit) throw new ForemanError('too_large', `the body is limited to ${limit} bytes`)
      take?.(chunk.length)
      pieces.add(chunk)
      for (let at = 0; at < chunk.length; at += slice) {
        // Chunks that are there already come without a turn of the event loop between them.
        if (performance.now() - began > slice_ms) {
          await breathe()
          began = performance.now()
        }
        scan.write(chunk.subarray(at, at + slice))
      }
    }
    if (size === 0) return { value: {}, verbatim: new Map(), text: () => [Buffer.from('{}')] }
    scan.end()
  } catch (error) {
    // What is left of a refused body is read and dropped, else the connection would hang with it.
    stream.resume()
    if (error instanceof JsonSyntaxError) {
      throw new ForemanError('invalid_request', `not JSON: ${error.message} at byte ${error.offset}`, { status: 400 })
    }
    throw error
  }
  if (scan.overflow) throw new ForemanError('too_large', 'the request has too many members')
  return assemble(pieces, scan.captures, verbatim)
}

function assemble(pieces: Pieces, captures: readonly Capture[], path: readonly string[] | undefined): JsonBody {
  const depth = path?.length ?? 0
  const whole = captures.filter((c) => c.path.length === depth && depth > 0)
  const ranges = new Map(captures.map((c) => [pointerOf(c.path), c]))
  let parsed = 0
  const cut = (start: number, end: number) => {
    parsed += end - start
    if (parsed > parsedLimit)
      throw new ForemanError('too_large', `everything but request bodies is limited to ${parsedLimit} bytes`)
    return Buffer.concat(pieces.between(start, end)).toString()
  }
  const envelope: string[] = []
  let at = 0
  const members = captures.filter((c) => c.path.length === depth + 1)
  let m = 0
  for (const { start, end, kind } of whole) {
    envelope.push(cut(at, start))
    const inside: string[] = []
    for (; m < members.length && (members[m] as Capture).start < end; m++) {
      const member = members[m] as Capture
      if (member.start < start) continue
      inside.push(`${JSON.stringify(String(member.path.at(-1)))}:${small(member, cut)}`)
    }
    envelope.push(kind === 'object' ? `{${inside.join(',')}}` : placeholder(kind))
    at = end
  }
  envelope.push(cut(at, pieces.size))
  return {
    value: JSON.parse(envelope.join('')),
    verbatim: new Map(whole.map((c) => [pointerOf(c.path), pieces.between(c.start, c.end)])),
    text: (pointer = '') => {
      const range = ranges.get(pointer)
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

function pointerOf(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
