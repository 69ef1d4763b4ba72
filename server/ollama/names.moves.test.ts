// Names that appear, disappear or come to stand for something else on a target, and which requests share a runner then.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { affinityKey, type RunnerOptions } from '../job/affinity.ts'
import { startFake, type Fake, type FakeModel } from './fake/fake.ts'
import { Names } from './names.ts'
import { Residents } from './residents.ts'
import { Wire } from './wire.ts'

const models: FakeModel[] = [
  { name: 'base', contextLength: 8192 },
  { name: 'other' },
  { name: 'poet', weights: 'base:latest', contextLength: 8192, system: 'You are a poet.' },
  { name: 'fixed', weights: 'base:latest', contextLength: 8192, parameters: { num_ctx: 2048, temperature: 1 } },
  { name: 'layered', parameters: { num_gpu: 20, num_thread: 2 } },
  { name: 'seeing', capabilities: ['completion', 'vision'] },
  { name: 'deep', family: 'deepseek2' },
]

let fake: Fake
let names: Names
let residents: Residents
let clock: VirtualClock
let changes = 0
let onChange = () => {}

beforeEach(async () => {
  fake = await startFake({ models, room: 1 })
  clock = new VirtualClock()
  const wire = new Wire({ url: fake.url, clock })
  changes = 0
  onChange = () => {}
  names = new Names({ wire, clock, onChange: () => (changes++, onChange()) })
  residents = new Residents({ wire, clock, names })
  await names.refresh()
})

afterEach(async () => {
  residents.close()
  names.close()
  await fake.close()
})

const runner = (model: string, options: RunnerOptions = {}) => names.runner(affinityKey(model, options))

async function tell(method: string, path: string, body: object): Promise<void> {
  const answer = await fetch(fake.url + path, { method, body: JSON.stringify(body) })
  await answer.text()
  await names.refresh()
}

async function create(body: object, digest?: string): Promise<void> {
  if (digest) fake.addBlob(`sha256:${digest}`)
  await tell('POST', '/api/create', { ...body, ...(digest && { files: { 'x.gguf': `sha256:${digest}` } }) })
}

describe('a name', () => {
  test('that appears as a copy moves to the key of its source', async () => {
    expect(runner('copy', { num_ctx: 64 })).toBe('copy:latest num_ctx=64')
    await tell('POST', '/api/copy', { source: 'base', destination: 'User/Copy:v1' })
    expect(runner('user/copy:v1')).toBe(runner('base'))
    expect(runner('USER/COPY:V1', { num_ctx: 64 })).toBe(runner('base', { num_ctx: 64 }))
  })

  test('that is made from another moves to its key, with the parameters of both', async () => {
    await create({ model: 'strict', from: 'fixed', system: 'Be brief.', parameters: { num_thread: 3 } })
    expect(runner('strict')).toBe(runner('base', { num_ctx: 2048, num_thread: 3 }))
    expect(runner('strict', { num_ctx: 512 })).toBe(runner('base', { num_ctx: 512, num_thread: 3 }))
  })

  test('that comes to stand for other weights moves away from those who keep the old ones', async () => {
    expect(runner('poet')).toBe(runner('base'))
    await create({ model: 'poet' }, 'a'.repeat(64))
    expect(runner('poet')).toBe(`sha256-${'a'.repeat(64)}`)
    expect(runner('base')).not.toBe(runner('poet'))
  })

  test('that comes to have other parameters moves within its weights', async () => {
    await create({ model: 'poet', from: 'base', parameters: { num_ctx: 1024 } })
    expect(runner('poet')).toBe(runner('base', { num_ctx: 1024 }))
  })

  test('that disappears is by itself, and is back with its old key when it comes back', async () => {
    await tell('DELETE', '/api/delete', { model: 'poet' })
    expect(runner('poet')).toBe('poet:latest')
    await create({ model: 'poet', from: 'base', system: 'You are a poet.' })
    expect(runner('poet')).toBe(runner('base'))
  })

  test('that stays as it was makes nobody look again', async () => {
    const before = changes
    await names.refresh()
    expect(changes).toBe(before)
  })

  test('that changed after names were read, while models are still asked about, is read once more', async () => {
    fake.addModel({ name: 'first', weights: 'base:latest' })
    let again: Promise<void> | undefined
    onChange = () => {
      fake.addModel({ name: 'late', weights: 'base:latest' })
      again ??= names.refresh()
    }
    await names.refresh()
    await again
    expect([runner('first'), runner('late')]).toEqual([runner('base'), runner('base')])
  })
})

describe('a runner in memory, foreman’s own', () => {
  const has = (model: string, options?: RunnerOptions) => residents.runners.has(runner(model, options))

  test('is of the weights it was loaded with, though its name stands for others now', async () => {
    residents.loaded(affinityKey('poet', { num_batch: 8 }))
    await create({ model: 'poet' }, 'b'.repeat(64))
    residents.renamed()
    expect([has('poet', { num_batch: 8 }), has('base', { num_batch: 8 })]).toEqual([false, true])
  })

  test('is still known by its options when its name is gone', async () => {
    await load('poet', { num_batch: 8 })
    await tell('DELETE', '/api/delete', { model: 'poet' })
    await residents.look()
    expect([has('base', { num_batch: 8 }), has('base')]).toEqual([true, false])
  })

  test('is found by its weights when the target tells of them after the load', async () => {
    fake.addModel({ name: 'new', weights: 'base:latest' })
    residents.loaded(affinityKey('new', {}))
    expect([...residents.runners]).toEqual(['new:latest'])
    await names.refresh()
    residents.renamed()
    expect(has('base')).toBe(true)
  })
})

/** Loads on the target, and says that foreman did. */
async function load(model: string, options: RunnerOptions): Promise<void> {
  await ask(model, options)
  residents.loaded(affinityKey(model, options))
  clock.advance(1)
  await residents.look()
}

async function ask(model: string, { shift, ...options }: RunnerOptions): Promise<void> {
  const answer = await fetch(`${fake.url}/api/generate`, {
    method: 'POST',
    body: JSON.stringify({ model, options, shift }),
  })
  expect(answer.status).toBe(200)
  await answer.text()
}

describe('what foreman says a loaded runner serves, the target serves without another load, and nothing else', () => {
  test.each<[string, [string, RunnerOptions], [string, RunnerOptions], boolean]>([
    ['automatic, automatic', ['base', {}], ['base', {}], true],
    ['automatic, explicit and equal', ['base', {}], ['base', { num_ctx: 4096 }], true],
    ['automatic, explicit and another', ['base', {}], ['base', { num_ctx: 2048 }], false],
    ['explicit, automatic', ['base', { num_ctx: 2048 }], ['base', {}], false],
    ['explicit, the same', ['base', { num_ctx: 2048 }], ['base', { num_ctx: 2048 }], true],
    ['both beyond what it was trained for', ['base', { num_ctx: 9000 }], ['base', { num_ctx: 99_000 }], true],
    ['beyond it, and exactly it', ['base', { num_ctx: 9000 }], ['base', { num_ctx: 8192 }], true],
    ['both below 4', ['base', { num_ctx: 1 }], ['base', { num_ctx: 4 }], true],
    ['both below 2048 with vision', ['seeing', { num_ctx: 512 }], ['seeing', { num_ctx: 2048 }], true],
    ['a Modelfile’s, the request’s own', ['fixed', {}], ['base', { num_ctx: 2048 }], true],
    ['a Modelfile’s, automatic', ['fixed', {}], ['base', {}], false],
    ['a Modelfile’s, its own', ['fixed', {}], ['fixed', {}], true],
    ['a copy with another prompt', ['base', {}], ['poet', {}], true],
    ['another batch', ['base', {}], ['base', { num_batch: 64 }], false],
    ['layers, none asked for', ['base', { num_gpu: 20 }], ['base', {}], true],
    ['layers, -1', ['base', { num_gpu: 20 }], ['base', { num_gpu: -1 }], true],
    ['layers, others', ['base', { num_gpu: 20 }], ['base', { num_gpu: 10 }], false],
    ['layers, none asked for, explicit context', ['base', { num_gpu: 20 }], ['base', { num_ctx: 4096 }], true],
    ['none asked for, layers', ['base', {}], ['base', { num_gpu: 20 }], false],
    ['a Modelfile’s layers, -1', ['layered', {}], ['layered', { num_gpu: -1 }], true],
    ['-1, a Modelfile’s layers', ['layered', { num_gpu: -1 }], ['layered', {}], false],
    ['main_gpu, absent', ['base', { main_gpu: 0 }], ['base', {}], false],
    ['use_mmap, absent', ['base', { use_mmap: true }], ['base', {}], false],
    ['num_thread, absent', ['base', { num_thread: 2 }], ['base', {}], false],
    ['draft_num_predict, absent', ['base', { draft_num_predict: 2 }], ['base', {}], false],
    ['shift false, absent', ['base', { shift: false }], ['base', {}], false],
    ['shift true, absent', ['base', { shift: true }], ['base', {}], true],
    ['shift false, absent, in a family that does not', ['deep', { shift: false }], ['deep', {}], true],
    ['shift true, absent, in a family that does not', ['deep', { shift: true }], ['deep', {}], false],
    ['another model', ['base', {}], ['other', {}], false],
  ])('%s', async (_, [first, before], [second, after], serves) => {
    await load(first, before)
    expect(residents.runners.has(runner(second, after))).toBe(serves)
    const { loads } = fake
    await ask(second, after)
    expect(fake.loads - loads).toBe(serves ? 0 : 1)
  })
})
