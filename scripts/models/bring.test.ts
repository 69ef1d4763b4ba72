// Models brought through a foreman in front of the simulated Ollama. Time passes only where it is waited for.

import { Writable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import type { FakeOptions } from '../../server/ollama/fake/fake.ts'
import { played } from '../command.harness.ts'
import { bring } from './bring.ts'
import { Foreman } from './foreman.ts'
import { readList } from './list.ts'
import { Patience } from './patience.ts'
import { Screen } from './screen.ts'

interface Brought {
  failed: number
  said: string[]
  errors: string[]
  /** Every pause, milliseconds. */
  pauses: number[]
}

/** `pausing` is done in each pause, with its number; each look at the clock takes `look_ms`. */
async function bringAll(
  url: string,
  list: string,
  { pausing, look_ms = 0 }: { pausing?: (n: number) => unknown; look_ms?: number } = {},
): Promise<Brought> {
  const written = { out: '', errors: '' }
  const stream = (name: 'out' | 'errors') =>
    new Writable({
      write: (text: Buffer, _, done) => ((written[name] += text.toString()), done()),
    }) as NodeJS.WriteStream
  const screen = new Screen(stream('out'), stream('errors'))
  const pauses: number[] = []
  let looks = 0
  const time = {
    now: () => pauses.reduce((sum, ms) => sum + ms, (looks += look_ms)),
    pause: async (ms: number) => void (pauses.push(ms), await pausing?.(pauses.length)),
  }
  const patience = new Patience(time, 120_000, (line) => screen.tell(line))
  const foreman = new Foreman({ url, token: undefined })
  const failed = await bring(readList(list), { foreman, patience, screen })
  const linesOf = (text: string) => text.split('\n').slice(0, -1)
  return { failed, said: linesOf(written.out), errors: linesOf(written.errors), pauses }
}

const big = { name: 'big:7b', size: 4_200_000_000 }
const open = (fake: FakeOptions = {}) =>
  openForeman({
    fake: { models: [{ name: 'here', size: 1_000_000 }], registry: [big, 'small'], ...fake },
    settings: { ABSENT_HOLD: '0' },
  })

test('what is missing is pulled, what is there is not, and sizes are told', async () => {
  const { url, fake } = await open()
  const { failed, said, errors } = await bringAll(url, 'here\nbig:7b')
  expect({ failed, errors }).toEqual({ failed: 0, errors: [] })
  expect(said.filter((line) => !line.includes('pulling') && !/: (verifying|writing)/.test(line))).toEqual([
    'here: was there; 1.0 MB',
    'big:7b: pulled; 4.2 GB',
    '2 of 2 models are there, 4.2 GB in all',
  ])
  expect(said).toContainEqual(expect.stringMatching(/^big:7b: pulling [0-9a-f]{12}, 4\.2 GB$/))
  expect(fake.requests.filter(({ path }) => path === '/api/pull')).toHaveLength(1)
})

test("a pin becomes the model's own num_ctx, once, and beside its other parameters", async () => {
  const { url, fake } = await open({ models: [{ name: 'here', parameters: { stop: ['END'] } }] })
  const first = await bringAll(url, 'here num_ctx=8192\nsmall num_ctx=4096')
  expect(first.failed).toBe(0)
  expect(first.said).toContainEqual(expect.stringContaining('here: was there, num_ctx set to 8192; '))
  expect(first.said).toContainEqual(expect.stringContaining('small: pulled, num_ctx set to 4096; '))
  const shown = await fetch(`${url}/api/show`, { method: 'POST', body: '{"model":"here"}' })
  const { parameters } = (await shown.json()) as { parameters: string }
  expect(parameters).toMatch(/num_ctx +8192/)
  expect(parameters).toMatch(/stop +"?END/)
  const again = await bringAll(url, 'here num_ctx=8192\nsmall num_ctx=4096')
  expect(again.said.slice(0, 2)).toEqual([
    expect.stringMatching(/^here: was there; /),
    expect.stringMatching(/^small: was there; /),
  ])
  expect(fake.requests.filter(({ path }) => path === '/api/create')).toHaveLength(2)
})

test("a model that nobody has fails with Ollama's words, at once, and the others come", async () => {
  const { url } = await open()
  const { failed, said, errors, pauses } = await bringAll(url, 'nobody\nbig:7b')
  expect(failed).toBe(1)
  expect(errors).toEqual(['nobody: pull model manifest: file does not exist'])
  expect(said.at(-1)).toBe('1 of 2 models are there, 4.2 GB in all')
  expect(pauses).toEqual([])
})

test('a pull that is cut goes on after a pause, each time a longer one until it gets on', async () => {
  const { url, fake } = await open()
  const cut = { do: 'kill', when: ({ path }: { path: string }) => path === '/api/pull' } as const
  // Twice before any byte of a layer, then in the middle of one, which is getting on, and there once more, which is not.
  for (const after of [1, 1, 3, 3]) fake.fault({ ...cut, after })
  const { failed, said, pauses } = await bringAll(url, 'big:7b')
  expect(failed).toBe(0)
  expect(pauses).toEqual([1000, 2000, 1000, 2000])
  expect(said).toContainEqual('the pull broke off; again in 1 s')
})

test('an Ollama that is away is waited for, and the pull begins when it is back', async () => {
  const { url, fake } = await open()
  await fake.refuse()
  const { failed, pauses, said } = await bringAll(url, 'big:7b', {
    pausing: (n) => (n === 3 ? fake.listen() : undefined),
  })
  expect({ failed, tries: pauses.length >= 3 }).toEqual({ failed: 0, tries: true })
  expect(said[0]).toMatch(/; again in \d+ s$/)
})

test('no longer than it was told to: then the reason is the last one', async () => {
  const { url, fake } = await open()
  await fake.refuse()
  const error = await bringAll(url, 'big:7b').catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ message: expect.stringMatching(/target/) })
})

test('patience is for one wait: after an answer it is whole again', async () => {
  const { url, fake } = await open()
  await fake.refuse()
  fake.fault({ do: 'refuse', text: 'dial tcp: no such host', times: 6, when: ({ path }) => path === '/api/pull' })
  const { failed, pauses } = await bringAll(url, 'big:7b', { pausing: (n) => (n === 14 ? fake.listen() : undefined) })
  expect(failed).toBe(0)
  expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(120_000)
})

test('after patience has ended with one model, each of the others is tried once', async () => {
  const { url, fake } = await open()
  const text =
    'pull model manifest: Get "https://registry.ollama.ai/v2/": dial tcp: lookup registry.ollama.ai: no such host'
  fake.fault({ do: 'refuse', text, times: 1000, when: ({ path }) => path === '/api/pull' })
  const { failed, errors, pauses } = await bringAll(url, 'big:7b\nsmall')
  expect({ failed, errors }).toEqual({ failed: 2, errors: [`big:7b: ${text}`, `small: ${text}`] })
  const waited = pauses.reduce((sum, ms) => sum + ms, 0)
  expect(waited).toBeGreaterThan(90_000)
  expect(waited).toBeLessThanOrEqual(120_000)
  expect(fake.requests.filter(({ path }) => path === '/api/pull')).toHaveLength(pauses.length + 2)
})

test.each([
  ['400: {"error":"Repository is not GGUF or is not compatible with llama.cpp"}', 0],
  ['401: {"error":"Invalid username or password."}', 0],
  ['429: {"error":"too many requests"}', 1],
])('a registry that says %s is asked again %d times', async (said, times) => {
  const { url, fake } = await open()
  const text = `pull model manifest: ${said}`
  fake.fault({ do: 'refuse', text, when: ({ path }) => path === '/api/pull' })
  const { errors, pauses } = await bringAll(url, 'big:7b')
  expect({ errors, times: pauses.length }).toEqual({ errors: times ? [] : [`big:7b: ${text}`], times })
})

test('a pull that says the same again and again is given up as one that says nothing, and the next one has half a minute', async () => {
  const line = (completed: number) => `${JSON.stringify({ status: 'pulling', digest: 'd', total: 9, completed })}\n`
  const models: { name: string; size: number }[] = []
  const foreman = await played(async (request, answer) => {
    if (request.url === '/api/tags') return void answer.end(JSON.stringify({ models }))
    if (request.url === '/api/show') return void answer.end('{}')
    const { model } = (await json(request)) as { model: string }
    if (model === 'stalls') return void answer.end(line(1).repeat(200))
    models.push({ name: 'slow:latest', size: 9_000_000 })
    answer.end(`${line(0).repeat(20)}${line(9).repeat(200)}{"status":"success"}\n`)
  })
  const { failed, said, errors } = await bringAll(foreman.url, 'stalls\nslow', { look_ms: 1000 })
  foreman.close()
  expect({ failed, errors }).toEqual({ failed: 1, errors: ['stalls: nothing more of it comes'] })
  expect(said).toContainEqual('slow: pulled; 9.0 MB')
})

test('the last line of a pull counts without its end, and an answer that is no object is one that may be better later', async () => {
  let asked = 0
  const foreman = await played((request, answer) => {
    if (request.url === '/api/pull') answer.end('{"error":"pull model manifest: file does not exist"}')
    else answer.end(asked++ === 0 ? 'null' : '{"models":[]}')
  })
  const { errors, pauses } = await bringAll(foreman.url, 'big:7b')
  foreman.close()
  expect({ errors, pauses }).toEqual({ errors: ['big:7b: pull model manifest: file does not exist'], pauses: [1000] })
})

test('what calls itself pulled and cannot be shown is no success', async () => {
  const foreman = await played((request, answer) => {
    const { url = '' } = request
    if (url === '/api/tags') answer.end('{"models":[]}')
    else if (url === '/api/pull') answer.end('{"status":"success"}\n')
    else answer.writeHead(404).end('{"error":"model \'big:7b\' not found"}')
  })
  const { failed, errors } = await bringAll(foreman.url, 'big:7b')
  foreman.close()
  expect({ failed, errors }).toEqual({ failed: 1, errors: ["big:7b: model 'big:7b' not found"] })
})
