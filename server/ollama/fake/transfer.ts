// Models coming and going as bytes: /api/pull and /api/push (against a registry that is only a list), /api/create, and
// the blobs, of which only the digests are kept. Progress is NDJSON; failures after it began are a line in it.

import { createHash } from 'node:crypto'
import { parseModel } from '../../job/affinity.ts'
import { encode, type Header } from './answer.ts'
import { displayName, fullName, sha256, type Model } from './catalog.ts'
import { Cut, type Call } from './inference.ts'
import { textOf } from './native.ts'
import { Refusal } from './refusal.ts'
import type { Fields } from './request.ts'
import type { World } from './world.ts'

const progressSteps = 4

type Progress = Generator<object> | AsyncGenerator<object>

/** POST /api/pull. */
export async function pull(world: World, call: Call): Promise<void> {
  const name = nameOf(call.fields)
  await report(world, call, async function* () {
    yield { status: 'pulling manifest' }
    const found = world.settings.registry.find((model) => fullName(model.name) === fullName(name))
    if (!found) throw new Refusal(500, 'pull model manifest: file does not exist')
    const size = found.size ?? 325_224
    const layers = [
      { digest: sha256(found.weights ?? found.name), total: size },
      { digest: sha256('template'), total: 17 },
    ]
    // Of a model that it has every layer is there: one line says so.
    const steps = world.catalog.find(name) ? 1 : progressSteps
    for (const { digest, total } of layers) {
      const status = `pulling ${digest.slice(0, 12)}`
      for (let step = 1; step <= steps; step++) {
        if (steps > 1) await world.sleep.pause(world.settings.tokenMs, call.answer.signal)
        yield { status, digest: `sha256:${digest}`, total, completed: Math.floor((total * step) / steps) }
      }
    }
    yield { status: 'verifying sha256 digest' }
    yield { status: 'writing manifest' }
    world.catalog.add(found)
    yield { status: 'success' }
  })
}

/** POST /api/push. */
export async function push(world: World, call: Call): Promise<void> {
  if (!textOf(call.fields.model) && !textOf(call.fields.name)) throw new Refusal(400, 'model is required')
  const name = nameOf(call.fields)
  await report(world, call, function* () {
    yield { status: 'retrieving manifest' }
    const model = world.catalog.find(name)
    if (!model) {
      yield { status: "couldn't retrieve manifest" }
      const path = fullName(name).replace(/:([^:]*)$/, '/$1')
      throw new Refusal(500, `open /models/manifests/${path}: no such file or directory`)
    }
    yield { status: `pushing ${model.weights.slice(0, 12)}`, digest: `sha256:${model.weights}`, total: model.size }
    yield { status: 'pushing manifest' }
    yield { status: 'success' }
  })
}

/** POST /api/create, from a model it has or from uploaded files. */
export async function create(world: World, call: Call): Promise<void> {
  const { fields } = call
  const name = nameOf(fields)
  await report(world, call, function* () {
    const from = textOf(fields.from)
    const source = from === '' ? undefined : world.catalog.find(from)
    const files = typeof fields.files === 'object' ? Object.values(fields.files as Fields).map(textOf) : []
    if (from !== '' && !source) {
      yield { status: 'pulling manifest' }
      throw new Refusal(500, 'pull model manifest: file does not exist')
    }
    if (!source && files.length === 0) throw new Refusal(400, "neither 'from' or 'files' was specified")
    let weights = source?.weights
    if (weights === undefined) {
      yield { status: 'parsing GGUF' }
      weights = digestOf(files[0] ?? '')
      if (!world.blobs.has(weights)) {
        throw new Refusal(500, `open /models/blobs/sha256-${weights}: no such file or directory`)
      }
      yield { status: 'verifying conversion' }
    }
    yield { status: `using existing layer sha256:${weights}` }
    const parameters = typeof fields.parameters === 'object' ? (fields.parameters as Fields) : {}
    const layers = [fields.system, fields.template, fields.parameters].filter((layer) => layer !== undefined)
    for (const layer of layers) yield { status: `creating new layer sha256:${sha256(JSON.stringify(layer))}` }
    const base: Partial<Model> = source ?? {}
    world.catalog.add({
      ...base,
      name,
      weights,
      parent: source?.name,
      parameters: { ...base.parameters, ...parameters },
      system: textOf(fields.system) || base.system,
      template: textOf(fields.template) || base.template,
    })
    yield { status: 'writing manifest' }
    yield { status: 'success' }
  })
}

/** HEAD /api/blobs/:digest. */
export async function headBlob(world: World, call: Call, digest: string): Promise<void> {
  if (world.blobs.has(digestOf(digest))) return call.answer.send(200, [], '')
  throw new Refusal(404, `blob ${JSON.stringify(digest)} not found`)
}

/** POST /api/blobs/:digest. The bytes are hashed and forgotten. */
export async function postBlob(world: World, call: Call, digest: string): Promise<void> {
  const { answer } = call
  const expected = digestOf(digest)
  if (world.blobs.has(expected)) return answer.sendEarly(200)
  const hash = createHash('sha256')
  for await (const piece of answer.body()) {
    hash.update(piece)
    call.seen.bodyBytes += piece.length
  }
  const got = hash.digest('hex')
  if (got !== expected) throw new Refusal(400, `digest mismatch, expected "sha256:${expected}", got "sha256:${got}"`)
  world.blobs.add(got)
  await answer.send(201, [], '')
}

function nameOf(fields: Fields): string {
  const name = textOf(fields.model) || textOf(fields.name)
  const parsed = parseModel(name)
  if (!parsed) throw new Refusal(400, 'invalid model name')
  return displayName(parsed)
}

function digestOf(text: string): string {
  const [, hex] = /^sha256[:-]([0-9a-f]{64})$/.exec(text) ?? []
  if (hex === undefined) throw new Refusal(400, 'invalid digest format')
  return hex
}

/** Streams progress, or waits for its end when the request says `stream: false`. */
async function report(world: World, call: Call, steps: () => Progress): Promise<void> {
  const { answer, fields } = call
  const streaming = fields.stream !== false
  const type: Header[] = [['Content-Type', 'application/x-ndjson']]
  const plain: Header[] = [['Content-Type', 'application/json']]
  call.fault = world.faults.take(call.seen)
  let last: object = {}
  let lines = 0
  try {
    for await (const step of steps()) {
      last = step
      if (streaming) await answer.chunk(type, `${encode(step)}\n`)
      await strike(world, call, ++lines)
    }
    if (!streaming) return answer.send(200, plain, encode(last))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (!streaming) return answer.send(error.status, plain, encode({ error: error.message }))
    await answer.chunk(type, `${encode({ error: error.message })}\n`)
  }
  await answer.end(type)
}

/** Acts out a fault after its line; transfers have said one before anything can go wrong. */
async function strike(world: World, call: Call, lines: number): Promise<void> {
  const { fault, answer } = call
  if (!fault || Math.max(1, fault.after ?? 0) !== lines) return
  if (fault.do === 'refuse') throw new Refusal(fault.status ?? 500, fault.text)
  if (fault.do === 'kill') {
    answer.destroy()
    throw new Cut()
  }
  if (fault.do === 'hang') await world.sleep.pause(fault.until ?? Infinity, answer.signal)
}
