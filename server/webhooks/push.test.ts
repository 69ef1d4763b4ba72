// Artifacts that are put where their job wanted them, read from a real store by a real receiver.

import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { afterwards } from '../store/store.harness.ts'
import { sips } from './push.ts'
import { openReceiver as open, Voice } from './voice.harness.ts'

/** A job that is done with one artifact. */
async function doneWith(voice: Voice, bytes: Buffer, deliver: Record<string, unknown>, more = {}) {
  const row = await voice.bench.submit({ deliver, ...more })
  return voice.bench.bring(row, 'done', { artifacts: [await voice.bench.artifact('output.txt', bytes)] })
}

const large = Buffer.alloc(3 << 20, 'foreman ')

describe('an artifact', () => {
  test.each([
    ['small', Buffer.from('hello')],
    ['empty', Buffer.alloc(0)],
    ['of several chunks', large],
  ])('that is %s arrives to the byte, with its type, length and digest, and needs no secret', async (_, bytes) => {
    const receiver = await open(() => 201)
    const voice = Voice.start({ secrets: [] })
    const job = await doneWith(voice, bytes, { url: `${receiver.url}/up/{name}?sig=s` })
    await voice.hasTried(1)
    const { method, path, headers, body } = receiver.received[0]!
    expect([method, path]).toEqual(['PUT', '/up/output.txt?sig=s'])
    expect(headers).toMatchObject({
      'content-type': 'text/plain',
      'content-length': String(bytes.length),
      'content-digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
    })
    expect(headers).not.toHaveProperty('webhook-signature')
    expect(body.equals(bytes)).toBe(true)
    expect(voice.rows(job)).toMatchObject([{ kind: 'artifact', state: 'delivered', tries: 1 }])
  })

  test('is read no faster than it is taken, and given up after 15 s of standstill', async () => {
    const voice = Voice.start()
    const { blobs } = voice.bench.store
    const taken = { pieces: 0 }
    const read = blobs.read.bind(blobs)
    blobs.read = function* (...given) {
      for (const piece of read(...given)) {
        taken.pieces++
        yield piece
      }
    }
    const stuck = createServer((socket) => void socket.pause().on('error', () => undefined))
    await new Promise<void>((resolve) => stuck.listen(0, '127.0.0.1', resolve))
    afterwards(() => void stuck.close())
    const url = `http://127.0.0.1:${(stuck.address() as { port: number }).port}`
    const bytes = Buffer.alloc(48 << 20)
    const job = await doneWith(voice, bytes, { urls: { 'output.txt': `${url}/x` } })
    let before = -1
    while (taken.pieces === 0 || taken.pieces > before) {
      before = taken.pieces
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(taken.pieces).toBeLessThan(bytes.length / (256 * 1024))
    voice.clock.advance(15_000)
    await voice.hasTried(1)
    expect(voice.tried).toMatchObject([{ outcome: 'timed_out', reason: 'no progress for 15 s' }])
    expect(voice.rows(job)).toMatchObject([{ state: 'pending', tries: 1 }])
  })

  test('is tried again like a webhook, and does not keep the webhook of its job waiting', async () => {
    const receiver = await open(({ method }, n) => (method === 'PUT' && n < 2 ? 503 : 200))
    const voice = Voice.start()
    const hook = await open()
    const job = await doneWith(
      voice,
      Buffer.from('x'),
      { url: `${receiver.url}/{name}` },
      { webhook: { url: hook.url } },
    )
    await voice.hasTried(2)
    expect(hook.received.length).toBe(1)
    voice.clock.advance(5000)
    await voice.hasTried(3)
    voice.clock.advance(30_000)
    await voice.hasTried(4)
    expect(voice.rows(job).map(({ kind, state, tries }) => [kind, state, tries])).toEqual([
      ['webhook', 'delivered', 1],
      ['artifact', 'delivered', 3],
    ])
  })

  test('answered with 410 is given up alone: webhooks of its job go elsewhere', async () => {
    const receiver = await open(() => 410)
    const hook = await open((_, n) => (n === 0 ? 503 : 200))
    const voice = Voice.start()
    const more = { webhook: { url: hook.url } }
    const job = await doneWith(voice, Buffer.from('x'), { url: `${receiver.url}/{name}` }, more)
    await voice.hasTried(2)
    voice.clock.advance(5000)
    await voice.hasTried(3)
    expect(voice.rows(job).map(({ kind, state, tries }) => [kind, state, tries])).toEqual([
      ['webhook', 'delivered', 2],
      ['artifact', 'gave_up', 1],
    ])
  })

  test('that is no longer there ends its delivery, plainly', async () => {
    const receiver = await open(() => 503)
    const voice = Voice.start()
    const job = await doneWith(voice, Buffer.from('x'), { url: `${receiver.url}/{name}` })
    await voice.hasTried(1)
    await voice.bench.store.commit.run('test', () => voice.bench.store.artifacts.removeAll(job.seq))
    voice.clock.advance(5000)
    await voice.hasTried(2)
    expect(voice.rows(job)).toMatchObject([{ state: 'gave_up', tries: 2 }])
    expect(voice.log(job).at(-1)).toMatchObject({ status: null, reason: 'the job has no such artifact any more' })
    expect(receiver.begun).toBe(1)
  })

  test('whose job is deleted while it is sent holds up nobody', async () => {
    const receiver = await open()
    const voice = Voice.start()
    const { blobs } = voice.bench.store
    const read = blobs.read.bind(blobs)
    const half = Promise.withResolvers<void>()
    blobs.read = function* (...given) {
      let n = 0
      for (const piece of read(...given)) {
        if (++n === 3) half.resolve()
        yield piece
      }
    }
    const job = await doneWith(voice, large, { url: `${receiver.url}/{name}` })
    await half.promise
    // Waits for the same host, which has not answered yet.
    const other = await doneWith(voice, Buffer.from('x'), { url: `${receiver.url}/{name}` })
    await voice.bench.queue.remove(job.id)
    await voice.hasTried(1)
    expect(voice.rows(other)).toMatchObject([{ state: 'delivered' }])
    expect(voice.errors).toEqual([])
  })
})

describe('the bytes of an artifact', () => {
  const all = async (pieces: Buffer[], size: number) => {
    const steps: (number | 'sip')[] = []
    for await (const part of sips(pieces, size, () => steps.push('sip'))) steps.push(part.length)
    return steps
  }

  test('go in sips of 16 KiB, each of which counts as progress', async () => {
    const pieces = [Buffer.alloc(40 * 1024), Buffer.alloc(10)]
    expect(await all(pieces, 40 * 1024 + 10)).toEqual(['sip', 16_384, 'sip', 16_384, 'sip', 8192, 'sip', 10])
  })

  test('that end early are no whole artifact', async () => {
    await expect(all([Buffer.alloc(10)], 11)).rejects.toThrow('erased')
  })
})
