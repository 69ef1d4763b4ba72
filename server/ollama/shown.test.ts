import { describe, expect, test } from 'vitest'
import { readShown } from './shown.ts'

const [a, b, c] = ['a', 'b', 'c'].map((letter) => `sha256-${letter.repeat(64)}`) as [string, string, string]
const weights = (modelfile: string, more: object = {}) => readShown({ modelfile, ...more })?.weights

describe('the weights', () => {
  test.each<[string, string, string | undefined]>([
    ['the blob of FROM', `FROM /m/blobs/${a}\n`, a],
    ['in any case, after spaces', `  from   C:\\m\\blobs\\${a}\r\nTEMPLATE x`, a],
    ['not of what is commented out', `# FROM /m/blobs/${b}\nFROM /m/blobs/${a}\n`, a],
    ['every FROM', `FROM /m/blobs/${a}\nFROM /m/blobs/${b}\n`, `${a}+${b}`],
    ['adapters after them', `ADAPTER /m/blobs/${b}\nFROM /m/blobs/${a}\nADAPTER /m/blobs/${c}\n`, `${a}+${b}+${c}`],
    ['not of what a prompt says', `FROM /m/blobs/${a}\nSYSTEM """Say\nFROM /m/blobs/${b}\n"""\n`, a],
    ['nor a template', `TEMPLATE """\nADAPTER /m/blobs/${b}\n"""\nFROM /m/blobs/${a}\n`, a],
    ['none where FROM is a name', 'FROM llama3\n', undefined],
    ['none of an adapter alone', `FROM llama3\nADAPTER /m/blobs/${b}\n`, undefined],
  ])('%s', (_, modelfile, expected) => {
    expect(weights(modelfile)).toBe(expected)
  })

  test('an MLX model has only its manifest', () => {
    expect(readShown({ modelfile: `FROM /m/blobs/${a}\n`, details: { format: 'safetensors' } })).toMatchObject({
      weights: undefined,
      facts: { mlx: true },
    })
  })
})

test('the parameters that a runner is loaded with, each in its line', () => {
  const lines = [
    'num_ctx    2048',
    'stop    "num_thread 9"',
    'num_gpu    -1',
    'use_mmap    false',
    'temperature    0.5',
  ]
  const shown = readShown({ modelfile: '', parameters: lines.join('\n') })
  expect(shown?.parameters).toEqual({ num_ctx: 2048, num_gpu: -1, use_mmap: false })
  expect(readShown({ modelfile: '', parameters: null })?.parameters).toEqual({})
})

test.each<[string, object, object]>([
  ['nothing told', {}, { vision: false, shifts: true, mlx: false }],
  [
    'the context it was trained for',
    { model_info: { 'general.architecture': 'gemma3', 'gemma3.context_length': 32_768, 'llama.context_length': 1 } },
    { trainedContext: 32_768 },
  ],
  ['vision', { capabilities: ['completion', 'vision'] }, { vision: true }],
  ['a family that does not shift', { details: { family: 'deepseek2' } }, { shifts: false }],
  ['among others', { details: { family: 'x', families: ['x', 'deepseek2'] } }, { shifts: false }],
])('facts: %s', (_, more, facts) => {
  expect(readShown({ modelfile: '', ...more })?.facts).toMatchObject(facts)
})

test('what is no answer of /api/show is none', () => {
  for (const answer of [undefined, null, 'x', [], {}, { modelfile: 1 }]) expect(readShown(answer)).toBeUndefined()
})
