// Carrying a generation to the client in one of the dialects: streamed piece by piece or whole, with nothing sent before
// the first piece exists. The dialects (native.ts, openai.ts, responses.ts, messages.ts) only give pieces their form.

import type { Header } from './answer.ts'
import type { Piece } from './generation.ts'
import { checkCapabilities, Cut, findModel, infer, needOf, type Call, type Job, type Summary } from './inference.ts'
import { errorBody, family, Refusal } from './refusal.ts'
import { encode } from './answer.ts'
import { busyText } from './scheduler.ts'
import type { World } from './world.ts'

/** The form of one request's answer. It may remember what it sent. */
export interface Dialect {
  job: Job
  /** Headers of the streamed and of the whole answer. */
  streamed: Header[]
  whole: Header[]
  /** The chunks of one piece: each is flushed by itself. */
  piece(piece: Piece): string[]
  /** The chunks of a proper end. */
  end(summary: Summary): string[]
  /** The chunks of a failure after the first piece: what the client gets to see of it. */
  broken(text: string): string[]
  /** The body of an answer that is not streamed; no summary when it ended without a last word. */
  body(pieces: Piece[], summary: Summary | undefined): string
  /** The answer to a load or an unload; only native requests can be one. */
  loaded(reason: 'load' | 'unload'): object
  /** Refusals of a model name that is empty or unknown. */
  missing(name: string): Refusal
}

export async function serve(world: World, call: Call, dialect: Dialect): Promise<void> {
  const { job } = dialect
  const { answer, seen } = call
  call.streaming = job.stream
  const unload = job.load && job.keepAliveMs === 0
  world.ledger.purpose(seen, unload ? 'unload' : job.load ? 'load' : 'work', job.model)
  await strikeEarly(world, call)
  const model = findModel(world, job.model, (name) => dialect.missing(name))
  if (unload) {
    world.scheduler.expire(model.weights)
    return answer.sendJson(200, dialect.loaded('unload'))
  }
  checkCapabilities(model, job)
  if (job.load) {
    const runner = await world.scheduler.acquire(needOf(world, call, model, job))
    runner.release()
    return answer.sendJson(200, dialect.loaded('load'))
  }
  const pieces = infer(world, call, model, job)
  try {
    if (job.stream) await stream(call, dialect, pieces)
    else {
      const said: Piece[] = []
      let next = await pieces.next()
      for (; !next.done; next = await pieces.next()) said.push(next.value)
      await answer.send(200, dialect.whole, dialect.body(said, next.value))
    }
  } finally {
    // Gives slot and runner back when the client left in the middle.
    await pieces.return(undefined).catch(() => {})
  }
}

async function stream(call: Call, dialect: Dialect, pieces: ReturnType<typeof infer>): Promise<void> {
  const { answer } = call
  const { streamed } = dialect
  try {
    let next = await pieces.next()
    for (; !next.done; next = await pieces.next()) {
      for (const text of dialect.piece(next.value)) await answer.chunk(streamed, text)
    }
    if (next.value) for (const text of dialect.end(next.value)) await answer.chunk(streamed, text)
  } catch (error) {
    if (!(error instanceof Refusal) || !answer.started) throw error
    for (const text of dialect.broken(error.message)) await answer.chunk(streamed, text)
  }
  await answer.end(streamed)
}

/** Takes the fault meant for this request and acts it out if it strikes before anything else happens. */
export async function strikeEarly(world: World, call: Call): Promise<void> {
  const { answer, seen } = call
  const fault = world.faults.take(seen)
  call.fault = fault
  if (!fault) return
  if (fault.do === 'busy') throw new Refusal(503, busyText)
  if (fault.do === 'refuse') throw new Refusal(fault.status ?? 500, fault.text)
  if (fault.do === 'html') {
    const page = fault.text ?? '<html><body><h1>It works!</h1></body></html>'
    await answer.send(fault.status ?? 200, [['Content-Type', 'text/html; charset=utf-8']], page)
    throw new Cut()
  }
  // The rest strikes while the model speaks; where nothing is said it strikes now.
  if (seen.purpose === 'work') return
  if (fault.do === 'kill') {
    answer.destroy()
    throw new Cut()
  }
  if (fault.do === 'hang') await world.sleep.pause(fault.until ?? Infinity, answer.signal)
}

/** Writes a refusal with the headers that its route and its stage give it. */
export async function refuse(call: Call, refusal: Refusal): Promise<void> {
  const { answer, seen } = call
  const { status, stage, message } = refusal
  const of = stage === 'cloud' ? 'native' : family(seen.path)
  const body = encode(errorBody(of, status, message))
  const late = stage === 'runner' && call.streaming
  if (of === 'native' || stage === 'door') {
    const type = late ? 'application/json' : 'application/json; charset=utf-8'
    return answer.send(status, [['Content-Type', type]], body, late)
  }
  return answer.send(status, [['Content-Type', 'application/json']], `${body}\n`, late)
}
