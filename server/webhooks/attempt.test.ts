// One try: what a receiver may do to it, over real HTTP.

import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Agent, type buildConnector } from 'undici'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { afterwards } from '../store/store.harness.ts'
import { attempt, limit_ms, type Parcel } from './attempt.ts'
import { openReceiver as open } from './voice.harness.ts'

const body = Buffer.from('{"type":"job.done"}')

/** A receiver that does with each connection what a test has it do. */
async function openRaw(act: (socket: Socket) => void): Promise<string> {
  const server = createServer(act)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function trying(url: string, more: Partial<Parcel> = {}, connect?: buildConnector.connector) {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, ...(connect && { connect }) })
  afterwards(() => void dispatcher.destroy())
  const clock = new VirtualClock()
  const stop = new AbortController()
  const parcel: Parcel = { method: 'POST', url, headers: { 'content-type': 'application/json' }, body, ...more }
  return { clock, stop, tried: attempt(parcel, { dispatcher, clock, signal: stop.signal }) }
}

describe('an answer', () => {
  test.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [302, 'refused'],
    [400, 'refused'],
    [404, 'refused'],
    [410, 'gone'],
    [500, 'refused'],
  ])('of %i means %s', async (status, outcome) => {
    const receiver = await open(() => status)
    expect(await trying(receiver.url).tried).toMatchObject({ status, outcome })
    expect(receiver.received[0]?.body).toEqual(body)
  })

  test('that is a redirect is not followed', async () => {
    const other = await open()
    const receiver = await open(() => [307, { location: other.url }])
    expect(await trying(receiver.url).tried).toMatchObject({ status: 307, outcome: 'refused' })
    expect(other.begun).toBe(0)
  })

  test.each([
    ['short is kept whole', 'thanks', 'thanks'],
    ['long is kept to 1 kB', 'x'.repeat(5000), 'x'.repeat(1024)],
    ['cut inside a character loses that', `${'x'.repeat(1023)}ü`, 'x'.repeat(1023)],
    ['no text is text all the same', Buffer.from([0x66, 0xff, 0x66]), 'f\ufffdf'],
  ])('that is %s', async (_, said, kept) => {
    const receiver = await open(() => [200, {}, said])
    expect((await trying(receiver.url).tried).answer).toBe(kept)
  })

  test('without end is cut: the try is over, and its connection', async () => {
    const cut = Promise.withResolvers<void>()
    const url = await openRaw((socket) => {
      socket.on('error', () => undefined).on('close', () => cut.resolve())
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n')
      const pour = () => socket.writable && socket.write('y'.repeat(4096), () => setImmediate(pour))
      pour()
    })
    expect(await trying(url).tried).toMatchObject({ outcome: 'delivered', answer: 'y'.repeat(1024) })
    await cut.promise
  })

  test('whose body never comes, or breaks off, is its status', async () => {
    const sockets: Socket[] = []
    const url = await openRaw((socket) => {
      sockets.push(socket.on('error', () => undefined))
      socket.write('HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nhalf')
    })
    const stalled = trying(url)
    while (sockets.length < 1 || sockets[0]!.bytesRead === 0) await new Promise((resolve) => setImmediate(resolve))
    // The head and the half have been read once they are asked for again.
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    stalled.clock.advance(limit_ms)
    expect(await stalled.tried).toMatchObject({ outcome: 'refused', status: 500, answer: 'half', ms: limit_ms })
    const broken = trying(await openRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')))
    expect(await broken.tried).toMatchObject({ outcome: 'delivered', status: 200, answer: 'half' })
  })

  test.each([
    [429, '7', 7000],
    [503, 'Sun, 22 Nov 2026 00:01:00 GMT', 60_000],
    [502, 'soon', undefined],
    [504, '0', 0],
    [500, '7', undefined],
  ])('of %i with Retry-After %s asks for %s ms', async (status, header, ms) => {
    const receiver = await open(() => [status, { 'retry-after': header }])
    expect((await trying(receiver.url).tried).retryAfter_ms).toBe(ms)
  })
})

describe('no answer', () => {
  test('from a port where nobody listens', async () => {
    const receiver = await open()
    await receiver.close()
    expect(await trying(receiver.url).tried).toMatchObject({
      outcome: 'unreachable',
      reason: 'the connection was refused',
    })
  })

  test('within 15 s of the begin, however far it has come by then', async () => {
    const receiver = await open(() => () => undefined)
    const hanging = trying(receiver.url)
    await receiver.got(1)
    hanging.clock.advance(limit_ms - 1)
    hanging.clock.advance(1)
    expect(await hanging.tried).toEqual({ outcome: 'timed_out', reason: 'no answer within 15 s', ms: limit_ms })
    const unconnected = trying(receiver.url, {}, () => undefined)
    unconnected.clock.advance(limit_ms)
    expect(await unconnected.tried).toMatchObject({ outcome: 'timed_out' })
  })

  test.each([
    ['closes', 'closed it without an answer', (socket: Socket) => socket.on('data', () => socket.end())],
    ['resets', 'reset it', (socket: Socket) => socket.on('data', () => socket.resetAndDestroy())],
    [
      'speaks no HTTP',
      'does not match the HTTP/1.1 protocol',
      (socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'),
    ],
  ])('from one that %s', async (_, told, act) => {
    const url = await openRaw((socket) => void act(socket.on('error', () => undefined)))
    const { outcome, reason } = await trying(url).tried
    expect(outcome).toBe('broken_off')
    expect(reason).toMatch(/^the connection broke: ./)
    expect(reason).toContain(told)
  })

  test('when it is ended by foreman: that is no result', async () => {
    const receiver = await open(() => () => undefined)
    const { stop, tried } = trying(receiver.url)
    await receiver.got(1)
    stop.abort(new Error('foreman stops'))
    await expect(tried).rejects.toThrow('foreman stops')
  })
})

describe('bytes that are streamed', () => {
  async function* counted(count: number, onSip: () => void, wait?: Promise<void>): AsyncGenerator<Buffer> {
    for (let i = 0; i < count; i++) {
      if (i === count - 1) await wait
      onSip()
      yield Buffer.alloc(1000, i)
    }
  }

  test('arrive whole, and have 15 s for each part of them', async () => {
    const receiver = await open()
    const last = Promise.withResolvers<void>()
    const putting = trying(receiver.url, {
      method: 'PUT',
      headers: { 'content-length': '3000' },
      body: (onSip) => counted(3, onSip, last.promise),
    })
    await receiver.hasBegun(1)
    putting.clock.advance(limit_ms - 1)
    last.resolve()
    await receiver.got(1)
    expect(await putting.tried).toMatchObject({ outcome: 'delivered' })
    expect(receiver.received[0]).toMatchObject({
      method: 'PUT',
      body: expect.objectContaining({ length: 3000 }) as Buffer,
    })
  })

  test('that are answered before they are whole are read no further', async () => {
    const url = await openRaw((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.pause().write('HTTP/1.1 413 No\r\ncontent-length: 3\r\n\r\nbig'))
    })
    const ended = Promise.withResolvers<void>()
    const putting = trying(url, {
      method: 'PUT',
      headers: { 'content-length': String(100_000 * 1000) },
      body: async function* (onSip) {
        try {
          yield* counted(100_000, onSip)
        } finally {
          ended.resolve()
        }
      },
    })
    expect(await putting.tried).toMatchObject({ outcome: 'refused', status: 413, answer: 'big' })
    await ended.promise
  })

  test('that fail on the way end the try', async () => {
    const receiver = await open()
    const putting = trying(receiver.url, {
      method: 'PUT',
      headers: { 'content-length': '3000' },
      // eslint-disable-next-line require-yield
      body: async function* () {
        throw new Error('the artifact was erased while it was sent')
      },
    })
    expect(await putting.tried).toMatchObject({
      outcome: 'broken_off',
      reason: 'the connection broke: the artifact was erased while it was sent',
    })
    expect(receiver.received).toEqual([])
  })
})

test('a connection is used again', async () => {
  const receiver = await open()
  const dispatcher = new Agent()
  afterwards(() => void dispatcher.destroy())
  const options = { dispatcher, clock: new VirtualClock(), signal: new AbortController().signal }
  const parcel: Parcel = { method: 'POST', url: receiver.url, headers: {}, body }
  await attempt(parcel, options)
  // What came of it is written in between, and undici has its connection back by then.
  await new Promise((resolve) => setImmediate(resolve))
  await attempt(parcel, options)
  expect(new Set(receiver.received.map(({ port }) => port)).size).toBe(1)
})
