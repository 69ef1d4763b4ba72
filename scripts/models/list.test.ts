import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fullName, ListError, readList } from './list.ts'

test('a line is a name, perhaps with a num_ctx; comments and empty lines are nothing', () => {
  const text = ['# models', '', 'llama3.2   # 2 GB', '  hf.co/u/m:Q4_K_M num_ctx=8192 # pinned', '\t'].join('\r\n')
  expect(readList(text)).toEqual([
    { name: 'llama3.2', numCtx: undefined },
    { name: 'hf.co/u/m:Q4_K_M', numCtx: 8192 },
  ])
})

test('every mistake is told with its line', () => {
  const text = ['a num_ctx=0', 'b num_ctx=8k', 'c 8192', 'd num_ctx=1 num_ctx=2', 'num_ctx=4096', 'E', 'e:latest'].join(
    '\n',
  )
  expect(() => readList(text)).toThrow(
    new ListError(
      [
        'line 1: "num_ctx=0" after a: only num_ctx=N may stand there',
        'line 2: "num_ctx=8k" after b: only num_ctx=N may stand there',
        'line 3: "8192" after c: only num_ctx=N may stand there',
        'line 4: "num_ctx=1 num_ctx=2" after d: only num_ctx=N may stand there',
        'line 5: num_ctx=4096 is no name of a model',
        'line 7: e:latest is listed twice',
      ].join('\n'),
    ),
  )
  expect(() => readList('# nothing\n')).toThrow('no model is listed')
})

test.each([
  ['llama3.2', 'llama3.2:latest'],
  ['Qwen3:4B', 'qwen3:4b'],
  ['hf.co/u/m', 'hf.co/u/m:latest'],
  ['host:5000/u/m', 'host:5000/u/m:latest'],
  ['library/llama3.2', 'llama3.2:latest'],
  ['registry.ollama.ai/library/llama3.2:1b', 'llama3.2:1b'],
  ['registry.ollama.ai/u/m', 'u/m:latest'],
  ['host:5000/library/m', 'host:5000/library/m:latest'],
])('%s is listed as %s', (name, full) => {
  expect(fullName(name)).toBe(full)
})

test('the example is a list', () => {
  const text = readFileSync(join(import.meta.dirname, '../../deploy/models.txt'), 'utf8')
  expect(readList(text).map(({ numCtx }) => numCtx)).toContain(8192)
})
