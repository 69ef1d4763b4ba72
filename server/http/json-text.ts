// Reads JSON text as it comes in and checks it on the way, without parsing it: what is no JSON, too large or nested too
// deeply is refused here, the same over REST and tRPC. Where wanted values stand in it is known when it has ended.

import type { Readable } from 'node:stream'
import { ForemanError } from '../job/error.ts'
import { Pace } from './pace.ts'
import { Pieces } from './pieces.ts'
import { JsonScan, JsonSyntaxError, type Capture } from './scan.ts'

export interface JsonTextOptions {
  /** Most bytes in all; beyond them `too_large`. */
  limit: number
  /** Takes room for so many bytes more; throws when there is none. */
  take?: (bytes: number) => void
  /** Paths of the values that are wanted, `*` for any index. */
  capture: string[][]
  /** Depth from which on names are compared without case. */
  foldFrom?: number
}

const captureLimit = 50_000
const slice = 64 * 1024
const slice_ms = 2

/** A whole text that is known to be JSON, or empty. */
export class JsonText {
  readonly pieces: Pieces
  readonly captures: readonly Capture[]

  constructor(pieces: Pieces, captures: readonly Capture[]) {
    this.pieces = pieces
    this.captures = captures
  }

  /** Where the captured values of so deep a path stand, by JSON pointer. */
  at(depth: number): Map<string, Capture> {
    return new Map(this.captures.filter((c) => c.path.length === depth).map((c) => [pointerOf(c.path), c]))
  }
}

/** Throws `invalid_request` (400) for what is not JSON and `too_large` (413). */
export async function readText(stream: Readable, options: JsonTextOptions): Promise<JsonText> {
  const { limit, take, capture, foldFrom } = options
  const scan = new JsonScan({ mode: 'strict', capture, limit: captureLimit, foldFrom })
  const pieces = new Pieces()
  const pace = new Pace(slice_ms)
  try {
    // Leaving early must not destroy the stream: its socket still has the refusal to carry.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (pieces.size + chunk.length > limit)
        throw new ForemanError('too_large', `the body is limited to ${limit} bytes`)
      take?.(chunk.length)
      pieces.add(chunk)
      for (let at = 0; at < chunk.length; at += slice) {
        // Chunks that are there already come without a turn of the event loop between them.
        if (pace.tired) await pace.rest()
        scan.write(chunk.subarray(at, at + slice))
      }
    }
    if (pieces.size > 0) scan.end()
  } catch (error) {
    // What is left of a refused body is read and dropped, else the connection would hang with it.
    stream.resume()
    if (error instanceof JsonSyntaxError) {
      throw new ForemanError('invalid_request', `not JSON: ${error.message} at byte ${error.offset}`, { status: 400 })
    }
    throw error
  }
  if (scan.overflow) throw new ForemanError('too_large', 'the request has too many members')
  return new JsonText(pieces, pieces.size > 0 ? scan.captures : [])
}

export function pointerOf(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
