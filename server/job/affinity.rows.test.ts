// What Ollama compares before it reloads a runner, one row each: what a request and a Modelfile ask for, and what it comes to
// for a model.

import { describe, expect, test } from 'vitest'
import { affinityKey, effectiveOptions, runnerOptions, type ModelFacts, type RunnerOptions } from './affinity.ts'

interface Row {
  endpoint?: string
  modelfile?: RunnerOptions
  options?: Record<string, unknown>
  shift?: unknown
  facts?: ModelFacts
}

function comesTo({ endpoint = '/api/chat', modelfile, options, shift, facts = {} }: Row): RunnerOptions {
  return effectiveOptions({ ...modelfile, ...runnerOptions(endpoint, { options, shift }) }, facts)
}

const trained: ModelFacts = { trainedContext: 8192 }
const vision: ModelFacts = { trainedContext: 8192, vision: true }
const deepseek: ModelFacts = { shifts: false }
const mlx: ModelFacts = { mlx: true }

describe('the context', () => {
  test.each<[string, Row, RunnerOptions]>([
    ['automatic stays automatic', { facts: trained }, {}],
    ['explicit within what it was trained for', { options: { num_ctx: 4096 }, facts: trained }, { num_ctx: 4096 }],
    ['explicit beyond it is cut to it', { options: { num_ctx: 131_072 }, facts: trained }, { num_ctx: 8192 }],
    ['explicit when nobody told', { options: { num_ctx: 131_072 } }, { num_ctx: 131_072 }],
    ['4 at least', { options: { num_ctx: 1 }, facts: trained }, { num_ctx: 4 }],
    ['4 at least, below 0 too', { options: { num_ctx: -1 }, facts: trained }, { num_ctx: 4 }],
    ['2048 at least with vision', { options: { num_ctx: 512 }, facts: vision }, { num_ctx: 2048 }],
    [
      'what it was trained for at most, with vision too',
      { options: { num_ctx: 512 }, facts: { trainedContext: 1024, vision: true } },
      { num_ctx: 1024 },
    ],
    ['automatic with vision', { facts: vision }, {}],
    ['of the Modelfile', { modelfile: { num_ctx: 2048 }, facts: trained }, { num_ctx: 2048 }],
    ['of the Modelfile, cut as well', { modelfile: { num_ctx: 99_999 }, facts: trained }, { num_ctx: 8192 }],
    ['of the request before the Modelfile’s', { modelfile: { num_ctx: 1 }, options: { num_ctx: 7 } }, { num_ctx: 7 }],
    [
      'of the Modelfile where the request has null',
      { modelfile: { num_ctx: 9 }, options: { num_ctx: null } },
      { num_ctx: 9 },
    ],
  ])('%s', (_, row, options) => {
    expect(comesTo(row)).toEqual(options)
  })
})

describe('the layers on the GPU', () => {
  test.each<[string, Row, RunnerOptions]>([
    ['none asked for', {}, {}],
    ['none at all', { options: { num_gpu: 0 } }, { num_gpu: 0 }],
    ['a number', { options: { num_gpu: 20 } }, { num_gpu: 20 }],
    ['-1 is none asked for', { options: { num_gpu: -1 } }, {}],
    ['any other below 0 too', { options: { num_gpu: -7 } }, {}],
    ['of the Modelfile', { modelfile: { num_gpu: 20 } }, { num_gpu: 20 }],
    ['-1 of the Modelfile', { modelfile: { num_gpu: -1 } }, {}],
    ['-1 of the request against the Modelfile’s', { modelfile: { num_gpu: 20 }, options: { num_gpu: -1 } }, {}],
  ])('%s', (_, row, options) => {
    expect(comesTo(row)).toEqual(options)
  })
})

describe('what is another runner when it is there at all', () => {
  test.each<[string, RunnerOptions]>([
    ['num_batch', { num_batch: 512 }],
    ['main_gpu', { main_gpu: 0 }],
    ['use_mmap true', { use_mmap: true }],
    ['use_mmap false', { use_mmap: false }],
    ['num_thread', { num_thread: 4 }],
    ['draft_num_predict', { draft_num_predict: 0 }],
  ])('%s', (_, options) => {
    expect(comesTo({ options: { ...options } })).toEqual(options)
    expect(comesTo({ modelfile: options })).toEqual(options)
    expect(comesTo({ modelfile: options, endpoint: '/v1/chat/completions' })).toEqual(options)
  })
})

describe('shift', () => {
  test.each<[string, Row, RunnerOptions]>([
    ['absent', {}, {}],
    ['true is as absent', { shift: true }, {}],
    ['false', { shift: false }, { shift: false }],
    ['false on generate', { shift: false, endpoint: '/api/generate' }, { shift: false }],
    ['false on embed, which has no such field', { shift: false, endpoint: '/api/embed' }, {}],
    ['false on embeddings, neither', { shift: false, endpoint: '/api/embeddings' }, {}],
    ['absent in a family that does not', { facts: deepseek }, { shift: false }],
    ['false in a family that does not', { shift: false, facts: deepseek }, { shift: false }],
    ['true in a family that does not', { shift: true, facts: deepseek }, {}],
    ['over /v1 in a family that does not', { endpoint: '/v1/messages', facts: deepseek }, { shift: false }],
  ])('%s', (_, row, options) => {
    expect(comesTo(row)).toEqual(options)
  })
})

describe('/v1 sets none, and has the Modelfile’s', () => {
  const endpoints = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses', '/v1/messages']
  test.each(endpoints)('%s', (endpoint) => {
    const asked = { endpoint, options: { num_ctx: 64, num_gpu: 0, use_mmap: true }, shift: false }
    expect(comesTo(asked)).toEqual({})
    expect(comesTo({ ...asked, modelfile: { num_ctx: 2048, num_thread: 2 } })).toEqual({ num_ctx: 2048, num_thread: 2 })
  })
})

test('an MLX model has one runner, whatever is asked of it', () => {
  const options = { num_ctx: 64, num_gpu: 0, num_batch: 1, use_mmap: true, num_thread: 3 }
  expect(comesTo({ options, shift: false, modelfile: { num_ctx: 2048 }, facts: mlx })).toEqual({})
})

test('what it comes to comes to itself', () => {
  for (const facts of [{}, trained, vision, deepseek, mlx]) {
    const once = comesTo({ options: { num_ctx: 1e9, num_gpu: 3, use_mmap: false }, shift: false, facts })
    expect(effectiveOptions(once, facts)).toEqual(once)
  }
})

test('what says only how to answer is in no key', () => {
  const names =
    'temperature top_k top_p min_p typical_p seed stop repeat_penalty presence_penalty frequency_penalty num_predict num_keep'
  const options = Object.fromEntries(names.split(' ').map((name) => [name, 1]))
  const fields = { format: 'json', tools: [], think: true, images: [], system: 's', template: 't', keep_alive: 0 }
  expect(affinityKey('m', runnerOptions('/api/chat', { options, ...fields }))).toBe('m:latest')
})

test('one model has one key, however its name is written', () => {
  const short = ['llama3', 'LLAMA3', ' llama3:latest ', 'library/llama3', 'Library/Llama3:Latest', 'llama3:local']
  const long = [
    'registry.ollama.ai/library/llama3:latest',
    'https://Registry.Ollama.ai/library/llama3',
    'llama3:latest:local',
  ]
  const spellings = short.concat(long)
  expect(new Set(spellings.map((name) => affinityKey(name, {})))).toEqual(new Set(['llama3:latest']))
  const cloud = ['gpt-oss:20b-cloud', 'gpt-oss:20b:cloud', 'GPT-OSS:20B-Cloud', 'library/gpt-oss:20b:CLOUD']
  expect(new Set(cloud.map((name) => affinityKey(name, {})))).toEqual(new Set(['gpt-oss:20b:cloud']))
  expect(affinityKey('gpt-oss:20b', {})).toBe('gpt-oss:20b')
})
