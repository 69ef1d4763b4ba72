// Callers who behave badly before one arbiter: who leaves while held, who stops reading, who asks twice in one breath. What
// reached the target is told by a relay before it, and by what it has loaded.
import { request as send, type ClientRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { afterwards, hastyClock } from '../../server/app.stage.ts'
import type { Clock } from '../../server/clock.ts'
import { tinyA, tinyEndless, tinySlow } from './models.ts'
import { openRelay, type Relay } from './relay.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

describe.each(targets)('in front of $name', ({ start }) => {
  let narrow: Target
  let roomy: Target
  let relay: Relay
  let foreman: Foreman
  beforeAll(async () => {
    narrow = await start({ name: 'callers' })
    roomy = await start({ name: 'callers-roomy', room: 2 })
  })
  afterAll(async () => {
    await narrow.stop()
    await roomy.stop()
  })

  async function openBefore(target: Target, clock?: Clock): Promise<void> {
    relay = await openRelay(target.url)
    afterwards(() => relay.close())
    foreman = await openForeman({ clock, settings: { TARGET: relay.url, HOLD: '0s' }, random: () => 0 })
    await foreman.app.target.refresh()
  }

  const ask = async (model: string, num_predict = 1): Promise<number> => {
    const body = { model, prompt: 'amber', stream: false, options: { num_predict } }
    return (await foreman.post('/api/generate', body)).status
  }

  /** Lets foreman see that the two don't fit together; the second one stays. */
  async function learn(...models: string[]): Promise<void> {
    for (const model of models) {
      expect(await ask(model)).toBe(200)
      await foreman.app.target.look()
    }
  }

  type People = { held: number; in_flight: number }
  const people = async (like: Partial<People>) => {
    const seen = (await foreman.get('/target')).json.people as People
    return Object.entries(like).every(([name, count]) => seen[name as keyof People] === count)
  }

  /** A streaming chat whose caller does what the test says. */
  function caller(model: string, content: string, num_predict = 20_000): ClientRequest {
    const asked = send(`${foreman.url}/api/chat`, { method: 'POST', agent: false })
    asked.on('error', () => {})
    asked.end(JSON.stringify({ model, messages: [{ role: 'user', content }], options: { num_predict } }))
    return asked
  }

  describe('a held caller who leaves', () => {
    beforeEach(() => openBefore(narrow))

    test.each([
      ['a kilobyte', 1_000],
      ['five megabytes', 5_000_000],
    ])('with a body of %s never reaches the target', async (_, size) => {
      await learn(tinyA, tinySlow)
      const before = narrow.loads()
      const busy = caller(tinySlow, 'Go on')
      await new Promise<void>((resolve) =>
        busy.on('response', (answer) => answer.on('error', () => {}).once('data', () => resolve())),
      )
      const held = caller(tinyA, 'x'.repeat(size))
      await until('the other one is held', () => people({ held: 1, in_flight: 1 }))
      held.destroy()
      await until('nobody is held', () => people({ held: 0, in_flight: 1 }))
      busy.destroy()
      await until('nobody is there', () => people({ held: 0, in_flight: 0 }))
      expect(await ask(tinySlow)).toBe(200)
      expect(relay.reached.filter(({ path, length }) => path === '/api/chat' && length > size)).toEqual([])
      expect(relay.reached.filter(({ path }) => path === '/api/chat')).toHaveLength(1)
      expect(narrow.loads()).toBe(before)
    })
  })

  test('a client that stops reading its stream holds nobody up: a job and another model are served beside it', async () => {
    await openBefore(roomy, hastyClock)
    // The system's own buffers on the way take megabytes of an answer, so each word of this one is half a kilobyte of name.
    const name = ['r', 'n', 'm'].map((letter) => letter.repeat(80)).join('/') + `:${'t'.repeat(80)}`
    expect((await foreman.post('/api/copy', { source: tinyEndless, destination: name })).status).toBe(200)
    afterwards(async () => (await foreman.call('DELETE', '/api/delete', { body: { model: name } })).status)
    const { port, hostname } = new URL(foreman.url)
    const socket = connect(Number(port), hostname)
    afterwards(async () => socket.destroy())
    const messages = [{ role: 'user', content: 'Go on' }]
    const body = JSON.stringify({ model: name, messages, stream: true, max_tokens: 10_000 })
    socket
      .pause()
      .write(`POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await until('it is in flight', () => people({ in_flight: 1 }))
    const request = { endpoint: '/api/generate', body: { model: tinyA, prompt: 'a', options: { num_predict: 3 } } }
    const { id } = await foreman.submit({ request })
    expect((await foreman.ended(id)).state).toBe('done')
    expect(await ask(tinyA)).toBe(200)
    // Its answer has not ended and was not cut: it can still be read to its end.
    const answered = () => foreman.lines.some(({ route }) => route === '/v1/chat/completions')
    expect([await people({ in_flight: 0 }), answered()]).toEqual([true, false])
    let text = ''
    socket.on('data', (bytes: Buffer) => (text = (text + bytes.toString()).slice(-100))).resume()
    await until('the answer ends', () => text.includes('data: [DONE]') && answered())
  })

  test('two pipelined requests of different models do not lock each other', async () => {
    await openBefore(narrow)
    await learn(tinyA, tinySlow)
    const { port, hostname } = new URL(foreman.url)
    const socket = connect(Number(port), hostname)
    afterwards(async () => socket.destroy())
    let text = ''
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
    const one = (model: string) => {
      const body = JSON.stringify({ model, prompt: 'amber', stream: false, options: { num_predict: 3 } })
      return `POST /api/generate HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    socket.write(one(tinySlow) + one(tinyA) + one(tinySlow))
    await until('all are answered', () => text.split('"done":true').length === 4)
    const order = [...text.matchAll(/"model":"([^"]+)"/g)].map(([, model]) => model)
    expect(order).toEqual([tinySlow, tinyA, tinySlow])
  })
})
