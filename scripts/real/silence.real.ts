// A runner dies before it has said a word, while it loads or over the prompt. The target's ways of telling so are many,
// and one of them begins with a 200; a real one only, as the simulated one has no process to kill by then.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { gemma, tinyA } from './models.ts'
import { type RealOllama, startOllama } from './ollama.ts'
import { until } from './until.ts'

let ollama: RealOllama
beforeAll(async () => {
  ollama = await startOllama({ name: 'silence', env: { OLLAMA_DEBUG: '1' } })
})
afterAll(() => ollama.stop())

const foremanBefore = () => openForeman({ settings: { TARGET: ollama.url }, random: () => 0 })

test('while it loads: an attempt, and the next one loads again', async () => {
  const foreman = await foremanBefore()
  const request = { endpoint: '/api/generate', body: { model: tinyA, prompt: 'a', options: { num_predict: 3 } } }
  const { id } = await foreman.submit({ request })
  await until('its runner is there', () => ollama.killRunners() > 0)
  await foreman.reached(id, 'back_off')
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
})

test('while it loads, without attempts left: the target’s words', async () => {
  const foreman = await foremanBefore()
  const request = { endpoint: '/api/generate', body: { model: tinyA, prompt: 'a', options: { num_ctx: 512 } } }
  const idle = new Set(ollama.runners().map(({ pid }) => pid))
  const { id } = await foreman.submit({ request, max_attempts: 1 })
  await until('its runner is there', () => ollama.runners().some(({ pid }) => !idle.has(pid)))
  ollama.killRunners()
  const failed = await foreman.ended(id)
  expect(failed).toMatchObject({ state: 'failed', attempt: 1, artifacts: [] })
  expect(failed.error).toMatchObject({ code: 'target_failed', target_status: 500 })
  expect(failed.error?.detail).toContain('llama runner process has terminated: signal: killed')
})

test('over the prompt: the 200 that came was no answer', async () => {
  const foreman = await foremanBefore()
  const prompt = 'The cat sleeps most of the day and hunts at night. '.repeat(150)
  const request = { endpoint: '/api/generate', body: { model: gemma, prompt, options: { num_predict: 3 } } }
  const reads = () => readFileSync(ollama.log, 'utf8').match(/msg="loading cache slot"/g)?.length ?? 0
  const before = reads()
  const job = await foreman.submit({ request, max_attempts: 1 })
  await until('it reads the prompt', () => reads() > before)
  ollama.killRunners()
  const failed = await foreman.ended(job.id)
  expect(failed).toMatchObject({ state: 'failed', attempt: 1, artifacts: [{ name: 'stream.ndjson', partial: true }] })
  expect(failed.error).toMatchObject({ code: 'target_failed', target_status: 200 })
  expect(failed.error?.detail).toMatch(/unexpectedly stopped|unexpected EOF/)
  const { queue } = foreman.app
  const stream = Buffer.concat([...(queue.artifact(queue.find(job.id), 'stream.ndjson')?.read() ?? [])])
  expect(stream.toString().trimEnd()).toBe(failed.error?.target_body)
})
