// What the server says about its models: /api/tags, /api/ps, /api/show, /v1/models, and the two changes that need no
// bytes, /api/copy and /api/delete.

import { parseModel } from '../../job/affinity.ts'
import { encode, timestamp } from './answer.ts'
import { fullName, type Model } from './catalog.ts'
import type { Call } from './inference.ts'
import { textOf } from './native.ts'
import { v1Json } from './openai.ts'
import { Refusal } from './refusal.ts'
import type { World } from './world.ts'

/** How far ahead an expiry lies that means "never". */
const forever = 292 * 365.25 * 86_400_000

/** GET, HEAD /api/tags. */
export async function tags(world: World, call: Call): Promise<void> {
  const models = world.catalog.list().map((model) => ({
    name: model.name,
    model: model.name,
    modified_at: timestamp(model.modifiedAt),
    size: model.size,
    digest: model.digest,
    details: { ...details(model), context_length: model.contextLength, embedding_length: model.dimensions },
    capabilities: model.capabilities,
  }))
  await call.answer.sendJson(200, { models })
}

/** GET /api/ps: loads in progress are not in it. */
export async function ps(world: World, call: Call): Promise<void> {
  const models = world.scheduler.runners.map(({ model, expiresAt, numCtx }) => ({
    name: model.name,
    model: model.name,
    size: model.size,
    digest: model.digest,
    details: details(model),
    expires_at: timestamp(expiresAt === Infinity ? world.clock.wall() + forever : expiresAt),
    size_vram: 0,
    context_length: numCtx,
  }))
  await call.answer.sendJson(200, { models })
}

/** POST /api/show. */
export async function show(world: World, call: Call): Promise<void> {
  const { fields } = call
  const model = shownModel(world, textOf(fields.model) || textOf(fields.name))
  await call.answer.sendJson(200, {
    modelfile: modelfile(model),
    parameters:
      parameterLines(model)
        .map(([name, value]) => `${name.padEnd(30)} ${value}`)
        .join('\n') || undefined,
    template: model.template,
    system: model.system,
    details: details(model),
    model_info: model.info ?? metadata(model),
    tensors: tensors(),
    capabilities: model.capabilities,
    modified_at: timestamp(model.modifiedAt),
  })
}

/** GET /v1/models. */
export async function v1Models(world: World, call: Call): Promise<void> {
  const data = world.catalog.list().map((model) => v1Model(model, model.name))
  await call.answer.send(200, v1Json, `${encode({ object: 'list', data })}\n`)
}

/** GET /v1/models/:model. */
export async function v1OneModel(world: World, call: Call, name: string): Promise<void> {
  const model = shownModel(world, name)
  await call.answer.send(200, v1Json, `${encode(v1Model(model, name))}\n`)
}

/** POST /api/copy. */
export async function copy(world: World, call: Call): Promise<void> {
  const source = textOf(call.fields.source)
  const destination = textOf(call.fields.destination)
  for (const [what, name] of Object.entries({ source, destination })) {
    if (!parseModel(name)) throw new Refusal(400, `${what} ${JSON.stringify(name)} is invalid`)
  }
  const model = world.catalog.find(source)
  if (!model) throw new Refusal(404, `model ${JSON.stringify(source)} not found`)
  world.catalog.copy(model, destination)
  await call.answer.send(200, [], '')
}

/** DELETE /api/delete. A loaded runner stays. */
export async function remove(world: World, call: Call): Promise<void> {
  const name = textOf(call.fields.model) || textOf(call.fields.name)
  if (!parseModel(name)) throw new Refusal(400, `name ${JSON.stringify(name)} is invalid`)
  const model = world.catalog.find(name)
  if (!model) throw new Refusal(404, `model '${name}' not found`)
  world.catalog.delete(model)
  await call.answer.send(200, [], '')
}

function shownModel(world: World, name: string): Model {
  if (name === '') throw new Refusal(400, 'model is required')
  const model = world.catalog.find(name)
  if (model) return model
  const display = fullName(name).replace(/^registry\.ollama\.ai\/(library\/)?/, '')
  throw new Refusal(404, `model '${display}' not found`)
}

function v1Model(model: Model, id: string): object {
  return { id, object: 'model', created: Math.floor(model.modifiedAt / 1000), owned_by: 'library' }
}

function details(model: Model): object {
  return {
    parent_model: model.parent,
    format: 'gguf',
    family: model.family,
    families: [model.family],
    parameter_size: model.parameterSize,
    quantization_level: model.quantization,
  }
}

/** Parameters as name and text, a list as one line for each member, strings quoted as Go quotes them. */
function parameterLines(model: Model): [string, string][] {
  return Object.entries(model.parameters).flatMap(([name, value]) => {
    const values: unknown[] = Array.isArray(value) ? value : [value]
    return values.map((one): [string, string] => [name, typeof one === 'string' ? JSON.stringify(one) : String(one)])
  })
}

function modelfile(model: Model): string {
  const parameters = parameterLines(model).map(([name, value]) => `PARAMETER ${name} ${value}\n`)
  return (
    `# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM with:\n` +
    `# FROM ${model.name}\n\nFROM /models/blobs/sha256-${model.weights}\nTEMPLATE ${model.template}\n` +
    `${model.system === undefined ? '' : `SYSTEM ${model.system}\n`}${parameters.join('')}`
  )
}

/** The metadata of an ordinary small llama, named after the family. */
function metadata(model: Model): Record<string, unknown> {
  const { family } = model
  return {
    'general.architecture': family,
    'general.file_type': 0,
    'general.parameter_count': 78_912,
    'general.quantization_version': 2,
    [`${family}.attention.head_count`]: 4,
    [`${family}.attention.head_count_kv`]: 2,
    [`${family}.attention.layer_norm_rms_epsilon`]: 0.00001,
    [`${family}.block_count`]: 1,
    [`${family}.context_length`]: model.contextLength,
    [`${family}.embedding_length`]: model.dimensions,
    [`${family}.feed_forward_length`]: 128,
    ...(model.capabilities.includes('embedding') && { [`${family}.pooling_type`]: 1 }),
    [`${family}.rope.dimension_count`]: 16,
    [`${family}.rope.freq_base`]: 10_000,
    [`${family}.vocab_size`]: 327,
    'tokenizer.ggml.add_bos_token': true,
    'tokenizer.ggml.add_eos_token': false,
    'tokenizer.ggml.add_space_prefix': false,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.pre': 'default',
    'tokenizer.ggml.scores': null,
    'tokenizer.ggml.token_type': null,
    'tokenizer.ggml.tokens': null,
    'tokenizer.ggml.unknown_token_id': 0,
  }
}

function tensors(): object[] {
  const names = 'attn_k attn_norm attn_output attn_q attn_v ffn_down ffn_gate ffn_norm ffn_up'
  const all = ['output.weight', 'output_norm.weight', 'token_embd.weight']
  for (const name of names.split(' ')) all.push(`blk.0.${name}.weight`)
  return all.map((name) => ({ name, type: 'F32', shape: name.includes('norm') ? [64] : [64, 128] }))
}
