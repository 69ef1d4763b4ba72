// The harness on its own: that what the other real tests stand on holds, without foreman in between.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { gemma, tinyA, tinyB, tinyEmbed, tinyEndless, tinySlow } from './models.ts'
import { type RealOllama, startOllama } from './ollama.ts'
import { isAlive } from './processes.ts'
import { until } from './until.ts'

let ollama: RealOllama

beforeAll(async () => {
  ollama = await startOllama({ name: 'harness' })
})

afterAll(() => ollama.stop())

function post(path: string, body: object): Promise<Response> {
  return fetch(ollama.url + path, { method: 'POST', body: JSON.stringify(body) })
}

test('knows the models', async () => {
  const { models } = (await (await fetch(`${ollama.url}/api/tags`)).json()) as { models: { name: string }[] }
  const names = models.map((model) => model.name)
  const tiny = [tinyA, tinyB, tinyEndless, tinySlow, tinyEmbed].map((name) => `${name}:latest`)
  expect(names).toEqual(expect.arrayContaining([...tiny, gemma]))
})

test('gemma answers with a sentence', async () => {
  const response = await post('/api/chat', {
    model: gemma,
    stream: false,
    messages: [{ role: 'user', content: 'What is the capital of Italy?' }],
    options: { num_predict: 40, seed: 1, temperature: 0 },
  })
  const { message } = (await response.json()) as { message: { content: string } }
  expect(message.content).toContain('Rome')
})

test('the embedding model answers vectors', async () => {
  const response = await post('/api/embed', { model: tinyEmbed, input: ['amber', 'basil'] })
  const { embeddings } = (await response.json()) as { embeddings: number[][] }
  expect(embeddings.map((vector) => vector.length)).toEqual([64, 64])
})

test('a switch of model is one runner for another, and a killed runner is no longer counted', async () => {
  await post('/api/generate', { model: tinyA })
  const [first] = ollama.runners()
  await post('/api/generate', { model: tinyB })
  const [second, ...more] = ollama.runners()
  expect(more).toEqual([])
  expect(second?.weights).not.toBe(first?.weights)
  expect(ollama.killRunners()).toBe(1)
  await until('the runner is gone', () => ollama.runners().length === 0)
})

test('a frozen server takes connections and answers when it is thawed', async () => {
  await ollama.freeze()
  const look = fetch(`${ollama.url}/api/version`)
  const first = await Promise.race([look, pause(300, 'silence')])
  ollama.thaw()
  expect(first).toBe('silence')
  expect((await look).status).toBe(200)
})

test('a crashed server leaves its runner, the next one takes the same port, and stopping ends all of both', async () => {
  const doomed = await startOllama({ name: 'harness-doomed' })
  await fetch(`${doomed.url}/api/generate`, { method: 'POST', body: JSON.stringify({ model: tinyA }) })
  const [orphan] = doomed.runners()
  await doomed.crash()
  expect(isAlive(orphan?.pid ?? 0)).toBe(true)
  const next = await startOllama({ name: 'harness-next', port: doomed.port })
  expect(next.url).toBe(doomed.url)
  await next.stop()
  await doomed.stop()
  await until('the orphan is gone', () => !isAlive(orphan?.pid ?? 0))
})
