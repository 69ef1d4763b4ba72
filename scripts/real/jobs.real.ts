// The life of a job on each endpoint: what it is answered with and what it leaves behind is what the target itself
// answers to the same request without foreman and without streaming.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import type { Job } from '../../server/job/schema.ts'
import { gemma, tinyA, tinyB, tinyEmbed, tinyEndless } from './models.ts'
import { type Target, targets } from './targets.ts'

const options = { seed: 7, temperature: 0, num_predict: 12 }
const messages = [
  { role: 'system', content: 'You are brief.' },
  { role: 'user', content: 'Tell me of <rivers> & "stones" \u2013 all of them.' },
]
const prompt = 'Once upon a time'
const input = ['amber', 'basil & cedar', '']

describe.each(targets)('in front of $name', ({ real, start }) => {
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'jobs' })
  })
  afterAll(() => target.stop())

  const foremanBefore = () => openForeman({ settings: { TARGET: target.url, HOLD: '0s' }, random: () => 0 })

  async function direct(endpoint: string, body: object): Promise<string> {
    const answer = await fetch(target.url + endpoint, { method: 'POST', body: JSON.stringify(body) })
    expect(answer.status).toBe(200)
    return answer.text()
  }

  const native = [
    ['/api/chat', { model: tinyA, messages, options: { seed: 7 } }],
    ['/api/chat', { model: tinyEndless, messages, options }],
    ['/api/generate', { model: tinyEndless, prompt, options }],
    ['/api/generate', { model: tinyB, prompt, raw: true, options: { ...options, num_ctx: 1024 } }],
  ] as const

  test.each(native)('%s, %o: done, with the answer, the stream and the text', async (endpoint, body) => {
    const foreman = await foremanBefore()
    const done = await finished(foreman, { endpoint, body })
    expect(done.artifacts.map(({ name, partial }) => [name, partial])).toEqual([
      ['output.txt', false],
      ['response.json', false],
      ['stream.ndjson', false],
    ])
    const response = artifact(foreman, done, 'response.json')
    const own = await direct(endpoint, { ...body, stream: false })
    expect(shape(response)).toEqual(shape(own))
    expect(spoken(response)).toBe(spoken(own))
    const { eval_count, prompt_eval_count } = JSON.parse(own) as Answer
    expect(done.usage).toMatchObject({ output_tokens: eval_count, prompt_tokens: prompt_eval_count })
    expect(artifact(foreman, done, 'output.txt')).toBe(spoken(own))

    const lines = artifact(foreman, done, 'stream.ndjson').split('\n')
    expect(lines.pop()).toBe('')
    const ownLines = (await direct(endpoint, { ...body, stream: true })).trimEnd().split('\n')
    expect(lines.map(shape)).toEqual(ownLines.map(shape))
    expect(lines.map(spoken)).toEqual(ownLines.map(spoken))
    expect(lines.at(-1)).toContain('"done":true')
  })

  test('/api/embed: done with the target’s own vectors, and nothing that is no answer', async () => {
    const foreman = await foremanBefore()
    const body = { model: tinyEmbed, input: input.slice(0, 2) }
    const done = await finished(foreman, { endpoint: '/api/embed', body })
    expect(done.artifacts.map(({ name }) => name)).toEqual(['response.json'])
    const response = artifact(foreman, done, 'response.json')
    const own = await direct('/api/embed', body)
    expect(shape(response)).toEqual(shape(own))
    expect(response.split('],"total_duration"')[0]).toBe(own.split('],"total_duration"')[0])
    expect(done.usage).toHaveProperty('prompt_tokens')
  })

  const openai = [
    ['/v1/chat/completions', { model: tinyEndless, messages, seed: 7, temperature: 0, max_tokens: 12 }],
    ['/v1/completions', { model: tinyEndless, prompt, seed: 7, temperature: 0, max_tokens: 12 }],
  ] as const

  test.each(openai)('%s: done, with the answer and the text', async (endpoint, body) => {
    const foreman = await foremanBefore()
    const done = await finished(foreman, { endpoint, body: { ...body, stream: true } })
    expect(done.artifacts.map(({ name }) => name)).toEqual(['output.txt', 'response.json'])
    expect(done.usage).toMatchObject({ output_tokens: 12, prompt_tokens: expect.any(Number) })
    const response = artifact(foreman, done, 'response.json')
    const own = await direct(endpoint, { ...body, stream: false })
    expect(shape(response)).toEqual(shape(own))
    expect(chosen(response)).toEqual(chosen(own))
    expect(artifact(foreman, done, 'output.txt')).toBe(spoken(own))
  })

  test('/v1/embeddings: done, byte for byte what the target answers', async () => {
    const foreman = await foremanBefore()
    const body = { model: tinyEmbed, input: 'amber' }
    const done = await finished(foreman, { endpoint: '/v1/embeddings', body })
    expect(done.artifacts.map(({ name }) => name)).toEqual(['response.json'])
    const own = await direct('/v1/embeddings', body)
    expect(artifact(foreman, done, 'response.json').trimEnd()).toBe(own.trimEnd())
  })

  test('a format that was asked for and parses is output.json', async () => {
    const foreman = await foremanBefore()
    // The random weights of the tiny models spell JSON only by chance.
    const model = real ? gemma : tinyA
    const format = { type: 'string', enum: ['Rome', 'Paris'] }
    const asked = [{ role: 'user', content: 'What is the capital of Italy?' }]
    const body = { model, messages: asked, format, options: { seed: 1, temperature: 0, num_predict: 30 } }
    const done = await finished(foreman, { endpoint: '/api/chat', body })
    expect(done.artifacts.map(({ name }) => name)).toEqual(['output.json', 'response.json', 'stream.ndjson'])
  })
})

async function finished(foreman: Foreman, request: object): Promise<Job> {
  const done = await foreman.ended((await foreman.submit({ request })).id)
  expect(done).toMatchObject({ state: 'done', attempt: 1, interruptions: 0 })
  return done
}

/** The artifact's bytes as text, after holding them against what the job says of them. */
function artifact(foreman: Foreman, job: Job, name: string): string {
  const described = job.artifacts.find((one) => one.name === name)
  const { queue } = foreman.app
  const bytes = Buffer.concat([...(queue.artifact(queue.find(job.id), name)?.read() ?? [])])
  expect(bytes.length).toBe(described?.size_bytes)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(described?.sha256)
  return bytes.toString()
}

/** The names of all members in their order, and the kinds of their values. */
function shape(json: string): unknown {
  const kinds = (value: unknown): unknown => {
    if (Array.isArray(value)) return typeof value[0] === 'object' ? value.map(kinds) : [typeof value[0], value.length]
    if (typeof value !== 'object' || value === null) return typeof value
    return Object.entries(value).map(([name, member]) => [name, kinds(member)])
  }
  return kinds(JSON.parse(json))
}

interface Answer {
  message?: { content: string }
  response?: string
  eval_count?: number
  prompt_eval_count?: number
  choices?: { text?: string; message?: { content: string } }[]
}

/** The text of an answer in any of the dialects. */
function spoken(json: string): string | undefined {
  const { message, response, choices } = JSON.parse(json) as Answer
  return message?.content ?? response ?? choices?.[0]?.message?.content ?? choices?.[0]?.text
}

const chosen = (json: string) => (JSON.parse(json) as Answer).choices
