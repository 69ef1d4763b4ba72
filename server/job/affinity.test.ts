import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  affinityKey,
  canonicalModel,
  isCloud,
  parseAffinityKey,
  parseModel,
  runnerOptions,
  type RunnerOptions,
} from './affinity.ts'

describe('one model has one name', () => {
  test.each([
    ['the bare name', 'llama3', 'llama3:latest'],
    ['its tag', 'llama3:8b', 'llama3:8b'],
    ['upper case', 'LLaMA3:8B-Q4_K_M', 'llama3:8b-q4_k_m'],
    ['spaces around it', '  llama3\t', 'llama3:latest'],
    ['the default namespace', 'library/llama3', 'llama3:latest'],
    ['the default host', 'registry.ollama.ai/library/llama3:latest', 'llama3:latest'],
    ['a scheme', 'https://registry.ollama.ai/library/llama3', 'llama3:latest'],
    ['a namespace of its own', 'User/Model:v1', 'user/model:v1'],
    ['a host of its own', 'hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_K_M', 'hf.co/bartowski/llama-3.2-1b-gguf:q4_k_m'],
    ['a colon before the last slash is a port', 'localhost:5000/ns/m', 'localhost:5000/ns/m:latest'],
    ['a port and a tag', 'localhost:5000/ns/m:t', 'localhost:5000/ns/m:t'],
    ['the default namespace on another host stays', 'hf.co/library/m', 'hf.co/library/m:latest'],
    [':local is only where it runs', 'llama3:local', 'llama3:latest'],
    [':local after a tag', 'llama3:8b:Local', 'llama3:8b'],
    [':cloud alone', 'glm-4.6:cloud', 'glm-4.6:latest:cloud'],
    [':cloud after a tag', 'gpt-oss:20b:cloud', 'gpt-oss:20b:cloud'],
    ['a tag that ends in -cloud is the same', 'gpt-oss:20b-cloud', 'gpt-oss:20b:cloud'],
    ['in upper case too', 'GPT-OSS:20B-CLOUD', 'gpt-oss:20b:cloud'],
    ['a dot, a dash and an underscore inside', '_a.b-c_d:1.0-x_y', '_a.b-c_d:1.0-x_y'],
  ])('%s: %s', (_, name, canonical) => {
    expect(parseModel(name)).toBeDefined()
    expect(canonicalModel(name)).toBe(canonical)
  })

  test('every default is filled in when a name is taken apart', () => {
    const plain = { host: 'registry.ollama.ai', namespace: 'library', model: 'M', tag: 'latest', cloud: false }
    expect(parseModel('M')).toEqual(plain)
    expect(parseModel('hf.co/U/M:T-cloud')).toEqual({
      host: 'hf.co',
      namespace: 'U',
      model: 'M',
      tag: 'T',
      cloud: true,
    })
  })

  test.each([
    ['nothing', ''],
    ['only spaces', '   '],
    ['a newline inside', 'llama3\nx'],
    ['a space inside', 'llama 3'],
    ['a part that starts with a dash', '-llama'],
    ['a part that starts with a dot', '.llama'],
    ['an empty tag', 'llama3:'],
    ['an empty model', 'ns/'],
    ['an empty namespace', '/llama3'],
    ['a dot in the namespace', 'a.b/llama3'],
    ['too many parts', 'a/b/c/d'],
    ['a digest', 'llama3@sha256:abc'],
    ['a way up', '../llama3'],
    ['81 characters', 'x'.repeat(81)],
    ['a tag of 81 characters', `m:${'x'.repeat(81)}`],
    ['a host of 351 characters', `${'h'.repeat(351)}/n/m`],
    ['a tag that is nothing but -cloud', 'm:-cloud'],
    ['letters beyond ASCII', 'modèle'],
  ])('%s is no name, and still has one spelling', (_, name) => {
    expect(parseModel(name)).toBeUndefined()
    expect(canonicalModel(name)).toBe(name.trim().toLowerCase())
    expect(isCloud(name)).toBe(false)
  })

  test('the longest names are names: 80 characters, a host of 350', () => {
    expect(parseModel(`${'h'.repeat(350)}/${'n'.repeat(80)}/${'m'.repeat(80)}:${'t'.repeat(80)}`)).toBeDefined()
  })

  test.each([
    ['gpt-oss:20b-cloud', true],
    ['gpt-oss:20b:cloud', true],
    ['m:CLOUD', true],
    ['cloud', false],
    ['cloud:8b', false],
    ['my-cloud', false],
    ['m:cloudy', false],
    ['m:8b:local', false],
  ])('%s runs on ollama.com: %s', (name, cloud) => {
    expect(isCloud(name)).toBe(cloud)
  })

  test('the one spelling of the one spelling is itself', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,6}$/)
    const suffix = fc.constantFrom('', ':local', ':cloud', '-cloud', ':x-cloud', ':cloud:cloud', ':local:local')
    const name = fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.option(part), suffix)
    fc.assert(
      fc.property(name, ([parts, tag, end]) => {
        const once = canonicalModel(`${parts.join('/')}${tag ? `:${tag}` : ''}${end}`)
        expect(canonicalModel(once)).toBe(once)
        expect(canonicalModel(once.toUpperCase())).toBe(once)
      }),
    )
  })
})

describe('the options that make Ollama reload', () => {
  const of = (options: unknown, more: Record<string, unknown> = {}) =>
    affinityKey('m', runnerOptions('/api/chat', { options, ...more }))

  test.each([
    ['num_ctx automatic', {}, 'm:latest'],
    ['num_ctx explicit', { num_ctx: 8192 }, 'm:latest num_ctx=8192'],
    ['num_batch', { num_batch: 256 }, 'm:latest num_batch=256'],
    ['num_gpu 0 or more', { num_gpu: 0 }, 'm:latest num_gpu=0'],
    ['num_gpu below 0 overrides a Modelfile’s', { num_gpu: -3 }, 'm:latest num_gpu=-1'],
    ['main_gpu', { main_gpu: 1 }, 'm:latest main_gpu=1'],
    ['main_gpu 0 is not absent', { main_gpu: 0 }, 'm:latest main_gpu=0'],
    ['use_mmap true', { use_mmap: true }, 'm:latest use_mmap=true'],
    ['use_mmap false', { use_mmap: false }, 'm:latest use_mmap=false'],
    ['num_thread', { num_thread: 4 }, 'm:latest num_thread=4'],
    ['draft_num_predict', { draft_num_predict: 3 }, 'm:latest draft_num_predict=3'],
    ['a float is cut', { num_ctx: 8192.9 }, 'm:latest num_ctx=8192'],
    ['a float of num_gpu just below 0 is cut to 0', { num_gpu: -0.5 }, 'm:latest num_gpu=0'],
    ['the order of writing does not matter', { use_mmap: false, num_ctx: 1 }, 'm:latest num_ctx=1 use_mmap=false'],
    ['nor does the order they are looked at', { num_thread: 2, num_batch: 1 }, 'm:latest num_batch=1 num_thread=2'],
    ['a null is absent', { num_ctx: null, use_mmap: null }, 'm:latest'],
    ['the wrong type is for Ollama to refuse', { num_ctx: '8192', use_mmap: 1, num_thread: NaN }, 'm:latest'],
  ])('%s', (_, options, key) => {
    expect(of(options)).toBe(key)
  })

  test.each(
    'temperature top_k top_p min_p typical_p seed stop repeat_penalty presence_penalty num_predict num_keep'.split(' '),
  )('%s is none of them', (name) => {
    expect(of({ [name]: 1 })).toBe('m:latest')
  })

  test.each(['format', 'tools', 'think', 'images', 'system', 'template', 'keep_alive', 'stream'])(
    'nor is the field %s',
    (name) => {
      expect(of(undefined, { [name]: 1 })).toBe('m:latest')
    },
  )

  test.each([
    [false, 'm:latest shift=false'],
    [true, 'm:latest shift=true'],
    [null, 'm:latest'],
    [undefined, 'm:latest'],
    [0, 'm:latest'],
  ])('shift %s', (shift, key) => {
    expect(of({}, { shift })).toBe(key)
  })

  test.each([[undefined], [null], ['num_ctx=1'], [[8192]], [7]])('options %j are none', (options) => {
    expect(of(options)).toBe('m:latest')
  })

  test.each(['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses', '/v1/messages'])(
    '%s can set none: it is always automatic',
    (endpoint) => {
      expect(runnerOptions(endpoint, { options: { num_ctx: 8192, num_gpu: 0 }, shift: false })).toEqual({})
    },
  )

  test('a key says the same of every spelling of a model', () => {
    const options = { num_ctx: 8192, shift: false as const }
    const keys = ['Llama3', 'llama3:latest', 'library/LLAMA3', 'registry.ollama.ai/library/llama3:latest'].map((name) =>
      affinityKey(name, options),
    )
    expect(new Set(keys)).toEqual(new Set(['llama3:latest num_ctx=8192 shift=false']))
  })

  test('a key lists its options by name, in whatever order they were set', () => {
    expect(affinityKey('m', { use_mmap: true, shift: false, num_ctx: 1 })).toBe(
      affinityKey('m', { num_ctx: 1, shift: false, use_mmap: true }),
    )
    expect(affinityKey('m', { num_ctx: 1, num_batch: 2 })).toBe('m:latest num_batch=2 num_ctx=1')
  })

  test('an option that is there but undefined is not in the key', () => {
    expect(affinityKey('m', { num_ctx: undefined })).toBe('m:latest')
  })

  test('a key is read back to the model and options it was made of', () => {
    const int = fc.integer({ min: 0, max: 2 ** 31 - 1 })
    const options: fc.Arbitrary<RunnerOptions> = fc.record(
      {
        num_ctx: int,
        num_batch: int,
        num_gpu: int,
        main_gpu: int,
        num_thread: int,
        draft_num_predict: int,
        use_mmap: fc.boolean(),
        shift: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    const models = fc.constantFrom('llama3', 'U/m:Q4', 'hf.co/u/m:t', 'gpt-oss:20b-cloud', 'localhost:1/n/m')
    fc.assert(
      fc.property(models, options, (model, set) => {
        const back = parseAffinityKey(affinityKey(model, set))
        expect(back).toEqual({ model: canonicalModel(model), options: set })
        expect(affinityKey(back.model, back.options)).toBe(affinityKey(model, set))
      }),
    )
  })
})

describe('a name of any length', () => {
  test('is told to be none at once, whatever it repeats', () => {
    const hostile = ['a:' + '-cloud'.repeat(10_000) + 'x-cloud', 'a' + ':local'.repeat(10_000), ':cloud'.repeat(10_000)]
    const began = performance.now()
    for (const name of hostile) expect(parseModel(name)).toBeUndefined()
    for (const name of hostile) expect(isCloud(canonicalModel(name))).toBe(false)
    expect(performance.now() - began).toBeLessThan(50)
  })

  test('is read when all of its parts are at their longest', () => {
    const [host, namespace, model, tag] = ['h'.repeat(350), 'n'.repeat(80), 'm'.repeat(80), 't'.repeat(80)]
    expect(parseModel(`https://${host}/${namespace}/${model}:${tag}:local`)).toMatchObject({ host, tag })
  })

  test('may end in the same word more than once, in any case', () => {
    expect(parseModel('a:b:Cloud:cloud')).toMatchObject({ model: 'a', tag: 'b', cloud: true })
    expect(parseModel('a:b-CLOUD-cloud')).toMatchObject({ model: 'a', tag: 'b', cloud: true })
  })
})
