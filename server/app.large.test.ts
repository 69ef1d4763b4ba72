// A job of 60 MB beside sixteen people's streams: its bytes arrive as they were, in steps between which everybody else
// is served.

import { createHash } from 'node:crypto'
import { request, type ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { openForeman, replyOf } from './app.harness.ts'
import { eventually, openTarget } from './app.stage.ts'

const size = 60_000_000
const streams = 16

/** Counts turns of the event loop until it is stopped. */
class Turns {
  count = 0
  #on = true

  constructor() {
    const turn = () => {
      this.count++
      if (this.#on) setImmediate(turn)
    }
    turn()
  }

  stop(): void {
    this.#on = false
  }
}

test('is taken in steps of a megabyte, each in a turn of its own, while every stream goes on', async () => {
  const digest = Promise.withResolvers<{ sha256: string; bytes: number }>()
  const answers: ServerResponse[] = []
  const received = Array.from({ length: streams }, () => 0)
  let sent = 0
  const target = await openTarget(({ path, body, answer }) => {
    if (path !== '/v1/embeddings') return void answers.push(answer)
    digest.resolve({ sha256: createHash('sha256').update(body).digest('hex'), bytes: body.length })
    answer.end('{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":1}}')
  })
  const flow = () => {
    for (const answer of answers) answer.write(`{"piece":${sent}}\n`)
    sent++
  }
  const steps: { turn: number; behind: number }[] = []
  const turns = new Turns()
  const fault = (point: string) => {
    if (point !== 'blob:before') return
    // How far the slowest stream is behind at each step, and then one piece more for everybody.
    steps.push({ turn: turns.count, behind: sent - Math.min(...received) })
    flow()
  }
  const foreman = await openForeman({ settings: { TARGET: target, YIELD_MAX: '0' }, fault })
  const people = Array.from({ length: streams }, (_, n) => {
    const ended = Promise.withResolvers<string>()
    const asked = request(`${foreman.url}/api/generate`, { method: 'POST', agent: false }, (answer) => {
      let text = ''
      answer.on('data', (part: Buffer) => {
        text += part.toString()
        received[n] = text.split('\n').length - 1
      })
      answer.on('end', () => ended.resolve(text)).on('error', ended.reject)
    })
    asked.end(JSON.stringify({ model: 'alpha', prompt: String(n) }))
    return ended.promise
  })
  await eventually(() => answers.length === streams)
  flow()
  await eventually(() => received.every((count) => count === 1))

  const numbers = '0.12345678901234567890,'.repeat(size / 2 / 23)
  const text = `"${'é'.repeat(size / 4)}"`
  const body = `{"model":"alpha","numbers":[${numbers}1],"input":${text}}`
  const submitted = await replyOf(
    await fetch(`${foreman.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'large' },
      body: `{"request":{"endpoint":"/v1/embeddings","body":${body}}}`,
    }),
  )
  expect(submitted.status).toBe(202)
  // One step is one transaction; the last bytes may not fill one.
  const bytes = Buffer.byteLength(body)
  expect(steps.length).toBeGreaterThanOrEqual(bytes / 1024 / 1024)
  for (const [i, { turn }] of steps.entries()) if (i > 0) expect(turn).toBeGreaterThan(steps[i - 1]?.turn ?? 0)
  expect(Math.max(...steps.map(({ behind }) => behind))).toBeLessThanOrEqual(8)
  // Reading, checking and hashing took turns too, beside those of the steps. How many depends on how much the kernel hands
  // out at once.
  expect(turns.count).toBeGreaterThan(bytes / 1024 / 512)

  const { state } = await foreman.ended(String(submitted.json.id))
  const arrived = await digest.promise
  turns.stop()
  for (const answer of answers) answer.end()
  const whole = Array.from({ length: sent }, (_, n) => `{"piece":${n}}\n`).join('')
  for (const text of await Promise.all(people)) expect(text).toBe(whole)
  const exact = `${body.slice(0, -1)},"stream":false}`
  expect(arrived).toEqual({ sha256: createHash('sha256').update(exact).digest('hex'), bytes: Buffer.byteLength(exact) })
  expect(state).toBe('done')
})
