// One generation from the checks to its last token: the model is found and able, the scheduler gives a runner, the
// runner a slot, pieces come at their pace, faults strike on the way. How pieces look on the wire is up to the dialects.

import { affinityKey, isCloud, parseModel, runnerOptions, type RunnerOptions } from '../../job/affinity.ts'
import type { Answer } from './answer.ts'
import { fullName, type Model } from './catalog.ts'
import type { Fault } from './fault.ts'
import { checkFormat, countTokens, say, type Piece } from './generation.ts'
import type { Seen } from './ledger.ts'
import { Refusal, runnerError } from './refusal.ts'
import { checkOptions, type Fields } from './request.ts'
import type { Runner } from './runner.ts'
import type { Need } from './scheduler.ts'
import type { World } from './world.ts'

/** One request on its way: its answer, its entry in the ledger, its body and the fault meant for it. */
export interface Call {
  answer: Answer
  seen: Seen
  fields: Fields
  /** Whether errors of the runner come chunked. */
  streaming: boolean
  fault: Fault | undefined
}

/** A chat or generate request, whatever dialect it came in. */
export interface Job {
  kind: 'chat' | 'generate'
  /** As the request writes it. */
  model: string
  stream: boolean
  /** Load or unload only. */
  load: boolean
  /** All that is said to the model, and the last message of it. */
  text: string
  lastText: string
  images: boolean
  /** The last message is a tool's result. */
  afterTool: boolean
  options: Fields
  /** What the request says about the runner; empty on /v1. */
  runner: RunnerOptions
  keepAliveMs: number | undefined
  think: unknown
  tools: { name: string; parameters: unknown }[]
  format: unknown
  alternatives: number | undefined
  suffix: boolean
  raw: boolean
  truncate: boolean
  shift: boolean
}

/** What is known when an answer is complete. Durations in nanoseconds. */
export interface Summary {
  reason: 'stop' | 'length'
  totalNs: number
  loadNs: number
  promptTokens: number
  promptNs: number
  tokens: number
  tokensNs: number
}

/** The connection was ended on purpose. */
export class Cut extends Error {}

/** Finds the model of a request; throws the refusal of its route. */
export function findModel(world: World, name: string, missing: (name: string) => Refusal): Model {
  if (name === '') throw missing(name)
  if (!parseModel(name)) throw new Refusal(400, 'invalid model name')
  if (isCloud(name)) throw new Refusal(403, 'ollama cloud is disabled: remote model is unavailable', 'cloud')
  const model = world.catalog.find(name)
  if (!model) throw missing(name)
  return model
}

/** What the scheduler must know of a request. Throws for options of the wrong type. */
export function needOf(
  world: World,
  call: Call,
  model: Model,
  job: Pick<Job, 'model' | 'options' | 'runner' | 'keepAliveMs'>,
): Need {
  checkOptions(job.options)
  const options = { ...runnerOptions('/api/generate', { options: model.parameters }), ...job.runner }
  const least = model.capabilities.includes('vision') ? 2048 : 4
  const asked = Math.max(least, options.num_ctx ?? world.settings.contextLength)
  const numCtx = Math.min(asked, model.contextLength)
  const key = affinityKey(job.model, job.runner)
  return { model, key, options, numCtx, keepAliveMs: job.keepAliveMs, signal: call.answer.signal, seen: call.seen }
}

/** Throws when the model cannot do what is asked. */
export function checkCapabilities(model: Model, job: Job): void {
  const can = (capability: Model['capabilities'][number]) => model.capabilities.includes(capability)
  if (!can('completion')) throw new Refusal(400, `"${job.model}" does not support ${job.kind}`)
  if (job.suffix && !can('insert')) throw new Refusal(400, `${fullName(model.name)} does not support insert`)
  if (job.tools.length > 0 && !can('tools')) throw new Refusal(400, `${fullName(model.name)} does not support tools`)
  const thinks = job.think !== undefined && job.think !== false
  if (thinks && !can('thinking')) throw new Refusal(400, `"${job.model}" does not support thinking`)
}

/** Yields the pieces of the answer; returns what it cost, or undefined when it ended without a last word. */
export async function* infer(
  world: World,
  call: Call,
  model: Model,
  job: Job,
): AsyncGenerator<Piece, Summary | undefined> {
  const start = performance.now()
  const runner = await world.scheduler.acquire(needOf(world, call, model, job))
  const loaded = performance.now()
  try {
    const promptTokens = checkPrompt(model, job, runner.numCtx)
    const signal = AbortSignal.any([call.answer.signal, runner.died])
    const release = await runner.slot(signal)
    world.ledger.began(job.model)
    try {
      await strike(world, call, runner, 0)
      const prompted = performance.now()
      await world.sleep.pause(world.settings.promptMs(job.text), signal)
      const began = performance.now()
      let tokens = 0
      const words = say(promptOf(world, model, job))
      for (let next = words.next(); ; next = words.next()) {
        if (next.done) {
          // A fault meant for later than the answer is long strikes before its last word.
          if ((call.fault?.after ?? 0) > tokens) await strike(world, call, runner, call.fault?.after ?? 0)
          const now = performance.now()
          return {
            reason: next.value,
            totalNs: nanos(now - start),
            loadNs: nanos(loaded - start),
            promptTokens,
            promptNs: nanos(began - prompted),
            tokens: Math.max(1, tokens),
            tokensNs: nanos(now - began),
          }
        }
        await world.sleep.pause(world.settings.tokenMs, signal)
        tokens++
        yield next.value
        await strike(world, call, runner, tokens)
      }
    } finally {
      if (call.fault?.do !== 'lose') release()
      world.ledger.ended()
    }
  } catch (error) {
    if (error instanceof Eof) return undefined
    if (runner.died.aborted && !call.answer.signal.aborted && !(error instanceof Cut)) throw died()
    throw error
  } finally {
    runner.release()
  }
}

class Eof extends Error {}

function died(): Refusal {
  return new Refusal(500, 'an error was encountered while running the model: unexpected EOF', 'runner')
}

/** Acts out the request's fault if it is meant for this moment. */
async function strike(world: World, call: Call, runner: Runner, sent: number): Promise<void> {
  const { fault } = call
  if (!fault || (fault.after ?? 0) !== sent) return
  if (fault.do === 'crash') {
    runner.kill()
    world.ledger.changed()
    throw died()
  }
  if (fault.do === 'eof') throw new Eof()
  if (fault.do === 'kill') {
    call.answer.destroy()
    throw new Cut()
  }
  if (fault.do === 'hang') {
    call.fault = undefined
    await world.sleep.pause(fault.until ?? Infinity, AbortSignal.any([call.answer.signal, runner.died]))
  }
  if (fault.do === 'lose') await world.sleep.pause(Infinity, AbortSignal.any([call.answer.signal, runner.died]))
}

/** The prompt's tokens as far as they fit. Throws what the runner says to a prompt it cannot take. */
function checkPrompt(model: Model, job: Job, numCtx: number): number {
  checkFormat(job.format, job.kind === 'generate' ? 'handler' : 'runner')
  if (job.images && !model.capabilities.includes('vision')) {
    const message = 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj'
    throw runnerError({ code: 500, message, type: 'server_error' })
  }
  const tokens = countTokens(job.text)
  if (tokens <= numCtx) return Math.max(1, tokens)
  const stuck = job.kind === 'chat' && countTokens(job.lastText) > numCtx
  if (stuck || !job.truncate) {
    const message = `request (${tokens} tokens) exceeds the available context size (${numCtx} tokens), try increasing it`
    const counts = { n_prompt_tokens: tokens, n_ctx: numCtx }
    throw runnerError({ code: 400, message, type: 'exceed_context_size_error', ...counts })
  }
  if (job.kind === 'generate' && !job.shift) {
    throw new Refusal(
      400,
      'the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the ' +
        'context length in settings, or use a model with a longer context length',
      'runner',
    )
  }
  // Cut in the middle: half of the context and the template's few.
  return job.kind === 'generate' ? Math.floor(numCtx / 2) + 3 : numCtx
}

function promptOf(world: World, model: Model, job: Job): Parameters<typeof say>[0] {
  const { num_predict: numPredict, seed } = job.options
  const reply = world.settings.reply?.({ model: model.name, kind: job.kind, text: job.text })
  return {
    text: job.text,
    salt: `${model.weights} ${typeof seed === 'number' ? seed : ''}`,
    numPredict: typeof numPredict === 'number' ? Math.trunc(numPredict) : undefined,
    natural: world.settings.tokens,
    thinks: model.capabilities.includes('thinking') && job.think !== false,
    tool: job.afterTool || reply !== undefined ? undefined : job.tools[0],
    format: job.format === '' ? undefined : job.format,
    alternatives: job.alternatives,
    reply,
  }
}

/** Whole nanoseconds, at least one: Ollama leaves out what is zero. */
export function nanos(ms: number): number {
  return Math.max(1, Math.round(ms * 1e6))
}
