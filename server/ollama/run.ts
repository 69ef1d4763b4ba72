// One job's request on the target, from its body to its answer: what counts as an end, and what as a failure. Knows
// neither whether the target is awake nor what is loaded; that is target.ts.

import type { Clock } from '../clock.ts'
import { waitFrom } from '../job/retry-after.ts'
import { streams, type Endpoint } from '../job/submit.ts'
import type { Answer } from './answer.ts'
import { TargetFailure, brokenOff, classify, tooLarge } from './failure.ts'
import { Fold } from './fold.ts'
import { LineSplitter } from './ndjson.ts'
import { withStream } from './stream-flag.ts'
import { Whole } from './whole.ts'
import type { Reply, Wire } from './wire.ts'

export interface RunRequest {
  endpoint: Endpoint
  /** Raw JSON text of the job's body; only its `stream` is set anew. */
  body: AsyncIterable<Buffer> | Iterable<Buffer>
  signal: AbortSignal
  /** Each line of a native stream as received, without its newline, an error line too. */
  onOutput?(line: Buffer): void
}

export interface RunLimits {
  wire: Wire
  clock: Clock
  /** Largest answer in bytes. */
  answerMax: number
  /** Told of every piece that arrives, whatever it is. */
  onBytes(): void
}

/** How much of an error's body is read. */
const errorMost = 64 * 1024
/** How long the end of the response may take after the line that ended the generation. */
const lingerMs = 1_000

/** Sends and reads to the end. Throws TargetFailure, TargetAbsent, the signal's reason, or what `body` throws. */
export async function run(request: RunRequest, limits: RunLimits): Promise<Answer> {
  const { endpoint, signal } = request
  const body = withStream(request.body, streams(endpoint))
  const reply = await limits.wire.send({ method: 'POST', path: endpoint, body, signal })
  limits.onBytes()
  try {
    if (reply.status !== 200) throw await refusal(endpoint, reply, limits)
    return streams(endpoint)
      ? await readLines(endpoint, reply, request, limits)
      : await readBody(endpoint, reply, limits)
  } finally {
    reply.close()
  }
}

async function readLines(
  endpoint: '/api/chat' | '/api/generate',
  reply: Reply,
  request: RunRequest,
  limits: RunLimits,
): Promise<Answer> {
  const splitter = new LineSplitter()
  const fold = new Fold(endpoint)
  let cancelLinger: (() => void) | undefined
  const take = (line: Buffer) => {
    if (line.length === 0) return
    try {
      fold.add(line)
    } catch {
      throw new TargetFailure(brokenOff('the target sent a line that is not a JSON object', reply.status))
    }
    request.onOutput?.(line)
    if (fold.ended) cancelLinger ??= limits.clock.at(limits.clock.now() + lingerMs, reply.close)
  }
  try {
    for await (const piece of within(reply, limits)) for (const line of splitter.write(piece)) take(line)
    const tail = splitter.end()
    if (tail) take(tail)
  } catch (error) {
    // After the last line nothing that happens to the connection matters.
    if (!fold.ended) throw error
  } finally {
    cancelLinger?.()
  }
  if (fold.error) throw new TargetFailure(classify({ status: 200, text: fold.error.toString(), endpoint }))
  if (fold.ended !== 'done') {
    throw new TargetFailure(brokenOff('the stream ended without done:true and without an error', reply.status))
  }
  try {
    return fold.answer()
  } catch {
    // A line too long to be looked into as a whole was broken inside. What the parser says quotes it: not passed on.
    throw new TargetFailure(brokenOff('the target sent a line that is not JSON inside', reply.status))
  }
}

async function readBody(endpoint: Endpoint, reply: Reply, limits: RunLimits): Promise<Answer> {
  const whole = new Whole(endpoint)
  const garbled = () => new TargetFailure(brokenOff('the answer of the target is not a JSON object', reply.status))
  const guarded = <T>(read: () => T): T => {
    try {
      return read()
    } catch {
      throw garbled()
    }
  }
  for await (const piece of within(reply, limits)) guarded(() => whole.add(piece))
  const answer = guarded(() => whole.answer())
  if ('error' in answer) throw new TargetFailure(classify({ status: 200, text: answer.error.toString(), endpoint }))
  return answer
}

/** The pieces of a body up to the limit. */
async function* within(reply: Reply, { answerMax, onBytes }: RunLimits): AsyncGenerator<Buffer> {
  let size = 0
  for await (const piece of reply.body) {
    onBytes()
    size += piece.length
    if (size > answerMax) throw new TargetFailure(tooLarge(answerMax))
    yield piece
  }
}

async function refusal(endpoint: string, reply: Reply, { clock, onBytes }: RunLimits): Promise<TargetFailure> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const piece of reply.body) {
      onBytes()
      parts.push(piece)
      size += piece.length
      if (size > errorMost) break
    }
  } catch (error) {
    // A cut error body is still an error; an abort is not.
    if (!(error instanceof TargetFailure)) throw error
  }
  const text = Buffer.concat(parts).toString()
  const retryAfter_ms = waitFrom(reply.headers['retry-after'], clock.wall())
  return new TargetFailure(classify({ status: reply.status, text, endpoint, retryAfter_ms }))
}
