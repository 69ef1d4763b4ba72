// Embeddings in three dialects: /api/embed, the legacy /api/embeddings and /v1/embeddings. Vectors of length one, chosen
// by a hash of the text.

import { createHash } from 'node:crypto'
import { runnerOptions } from '../../job/affinity.ts'
import { encode } from './answer.ts'
import type { Model } from './catalog.ts'
import { countTokens } from './generation.ts'
import { Cut, findModel, nanos, needOf, type Call } from './inference.ts'
import { textOf } from './native.ts'
import { v1Json } from './openai.ts'
import { Refusal } from './refusal.ts'
import { keepAliveMs, type Fields } from './request.ts'
import { strikeEarly } from './serve.ts'
import type { World } from './world.ts'

const noEmbeddings = 'This server does not support embeddings. Start it with `--embeddings`'

/** POST /api/embed. */
export async function embed(world: World, call: Call): Promise<void> {
  const { fields, answer } = call
  const inputs = readInput(fields)
  const done = await run(world, call, inputs, (name) => missingEmbed(name))
  const head = { model: textOf(fields.model), embeddings: done?.vectors ?? [] }
  if (!done) return answer.sendJson(200, head)
  const costs = { total_duration: done.totalNs, load_duration: done.loadNs, prompt_eval_count: done.tokens }
  await answer.sendJson(200, { ...head, ...costs })
}

/** POST /api/embeddings. */
export async function embeddings(world: World, call: Call): Promise<void> {
  const { fields, answer } = call
  const prompt = textOf(fields.prompt)
  const done = await run(world, call, prompt === '' ? [] : [prompt], (name) => {
    return name === '' ? new Refusal(400, 'model is required') : missingEmbed(name)
  })
  await answer.sendJson(200, { embedding: done?.vectors[0] ?? [] })
}

/** POST /v1/embeddings. */
export async function v1Embeddings(world: World, call: Call): Promise<void> {
  const { fields, answer } = call
  const inputs = fields.input === '' ? [''] : readInput(fields)
  if (inputs.length === 0) throw new Refusal(400, 'invalid input', 'door')
  const done = await run(world, call, inputs, (name) => missingEmbed(name))
  const data = (done?.vectors ?? []).map((vector, index) => {
    const embedding =
      fields.encoding_format === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector
    return { object: 'embedding', embedding, index }
  })
  const usage = { prompt_tokens: done?.tokens ?? 0, total_tokens: done?.tokens ?? 0 }
  await answer.send(200, v1Json, `${encode({ object: 'list', data, model: textOf(fields.model), usage })}\n`)
}

function missingEmbed(name: string): Refusal {
  if (name === '') return new Refusal(404, "model '' not found")
  return new Refusal(404, `model "${name}" not found, try pulling it first`)
}

function readInput({ input }: Fields): string[] {
  if (input === undefined || input === '') return []
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input) || !input.every((text) => typeof text === 'string'))
    throw new Refusal(400, 'invalid input type')
  return input
}

interface Embedded {
  vectors: number[][]
  tokens: number
  totalNs: number
  loadNs: number
}

/** Embeds the inputs; only loads, and returns undefined, when there are none. */
async function run(
  world: World,
  call: Call,
  inputs: string[],
  missing: (name: string) => Refusal,
): Promise<Embedded | undefined> {
  const { fields, seen, answer } = call
  const name = textOf(fields.model)
  const job = {
    model: name,
    options: typeof fields.options === 'object' ? (fields.options as Fields) : {},
    runner: runnerOptions(seen.path, fields),
    keepAliveMs: keepAliveMs(fields.keep_alive),
  }
  world.ledger.purpose(seen, inputs.length === 0 ? 'load' : 'work', name)
  await strikeEarly(world, call)
  const model = findModel(world, name, missing)
  const start = performance.now()
  const runner = await world.scheduler.acquire(needOf(world, call, model, job))
  const loaded = performance.now()
  try {
    if (inputs.length === 0) return undefined
    if (!model.capabilities.includes('embedding')) {
      throw new Refusal(seen.path === '/api/embeddings' ? 500 : 501, noEmbeddings)
    }
    const signal = AbortSignal.any([answer.signal, runner.died])
    const release = await runner.slot(signal)
    world.ledger.began(name)
    try {
      const { fault } = call
      if (fault?.do === 'crash') {
        runner.kill()
        world.ledger.changed()
      }
      if (fault?.do === 'kill') {
        answer.destroy()
        throw new Cut()
      }
      if (fault?.do === 'hang') await world.sleep.pause(fault.until ?? Infinity, signal)
      await world.sleep.pause(world.settings.promptMs(inputs.join('\n')), signal)
    } finally {
      release()
      world.ledger.ended()
    }
    const tokens = inputs.map((input) => Math.max(1, countTokens(input)))
    if (fields.truncate === false && tokens.some((count) => count > runner.numCtx)) {
      throw new Refusal(400, 'the input length exceeds the context length')
    }
    return {
      vectors: inputs.map((input) => vector(input, model, fields.dimensions)),
      tokens: tokens.reduce((sum, count) => sum + Math.min(count, runner.numCtx), 0),
      totalNs: nanos(performance.now() - start),
      loadNs: nanos(loaded - start),
    }
  } catch (error) {
    if (!runner.died.aborted || answer.signal.aborted || error instanceof Cut) throw error
    const text = `do embedding request: Post "http://127.0.0.1:${runner.port}/v1/embeddings": EOF`
    throw new Refusal(seen.path === '/api/embeddings' ? 500 : 400, text)
  } finally {
    runner.release()
  }
}

function vector(text: string, model: Model, dimensions: unknown): number[] {
  const length =
    typeof dimensions === 'number' && dimensions > 0 ? Math.min(dimensions, model.dimensions) : model.dimensions
  const seed = createHash('sha256').update(`${model.weights}\0${text}`).digest()
  const raw = Array.from({ length }, (_, i) => {
    const mixed = Math.imul(seed.readUInt32LE((i % 8) * 4) ^ (i + 1), 2_654_435_761)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 31 - 1
  })
  const norm = Math.hypot(...raw) || 1
  return raw.map((value) => Number((value / norm).toPrecision(8)))
}
