// One try to hand something over: a request, the status it is answered with and the beginning of what is said to that. A
// redirect is an answer like any other, and is not followed. What follows from a try is verdict.ts.

import { Readable } from 'node:stream'
import { request, type Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import type { Outcome } from '../job/redelivery.ts'
import { waitFrom } from '../job/retry-after.ts'
import { Misfit, reasonOf } from './misfit.ts'

/** What is handed over, and where. */
export interface Parcel {
  method: 'POST' | 'PUT'
  url: string
  headers: Record<string, string>
  /** Bytes, or where they come from; `onSip` is to be called for each part that is taken. */
  body: Buffer | ((onSip: () => void) => AsyncIterable<Buffer>)
}

/** What came of a try. */
export interface Tried {
  outcome: Outcome
  status?: number
  /** In words, why there is no status. */
  reason?: string
  ms: number
  /** The beginning of the answer's body, as far as it came. */
  answer?: string
  /** How long the receiver asked to be left alone. */
  retryAfter_ms?: number
}

interface AttemptOptions {
  dispatcher: Dispatcher
  clock: Clock
  /** Ends the try at once. */
  signal: AbortSignal
}

/** For connection and answer in all; of bytes that are streamed, for each sip of them. */
export const limit_ms = 15_000
/** What is read of an answer. */
const answerBytes = 1024
/** With these a receiver may say when to come back. */
const postponing = new Set([429, 502, 503, 504])

/** Makes the try. Throws only the signal's reason. */
export async function attempt(parcel: Parcel, { dispatcher, clock, signal }: AttemptOptions): Promise<Tried> {
  const ending = new AbortController()
  const end = () => ending.abort(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  const late = typeof parcel.body === 'function' ? 'no progress for 15 s' : 'no answer within 15 s'
  let cancel = () => {}
  const extend = () => {
    cancel()
    cancel = clock.at(clock.now() + limit_ms, () => ending.abort(new Misfit('timed_out', late)))
  }
  // undici heeds an abort only once the connection is made, which may be never.
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => undefined)
  ending.signal.addEventListener('abort', () => ended.reject(ending.signal.reason), { once: true })
  const began = clock.now()
  let reply: Dispatcher.ResponseData | undefined
  const answer: Buffer[] = []
  try {
    signal.throwIfAborted()
    extend()
    const { method, url, headers } = parcel
    const body = typeof parcel.body === 'function' ? streamed(parcel.body(extend)) : parcel.body
    reply = await Promise.race([
      request(url, { dispatcher, method, headers, body, signal: ending.signal }),
      ended.promise,
    ])
    await Promise.race([beginning(reply.body, answer), ended.promise])
  } catch (error) {
    if (signal.aborted) throw signal.reason
    // Once there is a status, that is the answer, whatever becomes of its body.
    if (!reply) return { ...reasonOf(error), ms: clock.now() - began }
  } finally {
    cancel()
    signal.removeEventListener('abort', end)
    reply?.body.destroy()
  }
  const { statusCode: status, headers } = reply
  const outcome = status >= 200 && status < 300 ? 'delivered' : status === 410 ? 'gone' : 'refused'
  const asked_ms = postponing.has(status) ? waitFrom(headers['retry-after'], clock.wall()) : undefined
  const postponed = asked_ms === undefined ? {} : { retryAfter_ms: asked_ms }
  return { outcome, status, ms: clock.now() - began, answer: textOf(Buffer.concat(answer)), ...postponed }
}

function streamed(bytes: AsyncIterable<Buffer>): Readable {
  const stream = Readable.from(bytes, { objectMode: false, highWaterMark: 1 })
  // What it throws reaches the request as well.
  return stream.on('error', () => undefined)
}

/** Reads a body into `parts` until that are enough bytes; a longer one is cut, and its connection with it. */
async function beginning(body: AsyncIterable<Buffer>, parts: Buffer[]): Promise<void> {
  let size = 0
  for await (const part of body) {
    parts.push(part.subarray(0, answerBytes - size))
    size += part.length
    if (size > answerBytes) return
  }
}

/** Bytes of any kind as text; a character that was cut at the end is left out. */
function textOf(bytes: Buffer): string {
  return new TextDecoder().decode(bytes, { stream: true })
}
