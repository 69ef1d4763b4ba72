import { spawn } from 'node:child_process'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { systemClock, VirtualClock } from '../clock.ts'
import { TargetAbsent, TargetFailure } from './failure.ts'
import { plain, replay, type Replay, type Route } from './recordings/replay.ts'
import { Wire, type Outgoing } from './wire.ts'

const open: Replay[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

async function serve(routes: Record<string, Route | Route[]>, more: { token?: string; path?: string } = {}) {
  const server = await replay(routes)
  open.push(server)
  const wire = new Wire({ url: server.url + (more.path ?? ''), token: more.token, clock: systemClock })
  return { server, wire }
}

const chat: Outgoing = { method: 'POST', path: '/api/chat', body: '{"model":"m"}' }

/** A route that hands its sockets over and answers nothing. */
function silent() {
  const sockets: Socket[] = []
  let arrived: () => void = () => {}
  const first = new Promise<void>((resolve) => (arrived = resolve))
  const route: Route = (socket) => {
    sockets.push(socket)
    arrived()
  }
  return { sockets, first, route }
}

/** Resolves when the connection has ended, however. */
const closed = (socket?: Socket) =>
  socket?.closed || new Promise<void>((resolve) => socket?.on('close', () => resolve()))

async function outcome(wire: Wire, request: Outgoing): Promise<unknown> {
  try {
    const parts: Buffer[] = []
    for await (const part of (await wire.send(request)).body) parts.push(part)
    return Buffer.concat(parts).toString()
  } catch (error) {
    return error
  }
}

test('a request that nobody listens to was never made: refused', async () => {
  const { server, wire } = await serve({})
  await server.close()
  expect(await outcome(wire, chat)).toMatchObject({ absent: 'refused' })
  const body = (async function* () {
    yield Buffer.from('{}')
  })()
  expect(await outcome(wire, { ...chat, body })).toMatchObject({ absent: 'refused' })
})

test('a name that nobody knows is unreachable', async () => {
  const wire = new Wire({ url: 'http://nobody.invalid:11434', clock: systemClock })
  const error = await outcome(wire, chat)
  expect(error).toBeInstanceOf(TargetAbsent)
  expect(error).toMatchObject({ absent: 'unreachable' })
})

test('a connection that is never made ends by its own limit, and an abort does not wait for that', async () => {
  const { url, end } = await deaf()
  try {
    const limited = new Wire({ url, clock: systemClock, connectMs: 200 })
    expect(await outcome(limited, chat)).toMatchObject({ absent: 'unreachable' })
    const abort = new AbortController()
    const ended = outcome(new Wire({ url, clock: systemClock }), { ...chat, signal: abort.signal })
    await new Promise((resolve) => setImmediate(resolve))
    const reason = new Error('canceled')
    const began = performance.now()
    abort.abort(reason)
    expect(await ended).toBe(reason)
    expect(performance.now() - began).toBeLessThan(50)
  } finally {
    end()
  }
})

test('once the request is sent, a connection that ends before, within or after the head is a failure', async () => {
  const { wire } = await serve({
    'POST /api/chat': ['server-killed-before-first-byte', 'server-killed-mid-chat', (socket) => socket.end()],
  })
  for (let n = 0; n < 3; n++) {
    const error = await outcome(wire, chat)
    expect(error).toBeInstanceOf(TargetFailure)
    expect(error).toMatchObject({ failure: { code: 'target_failed', retry: 'limited' } })
  }
})

test('a body shorter than its length is a failure', async () => {
  const { wire } = await serve({ 'POST /api/chat': plain(200, '{"a":1', { 'Content-Length': '10' }) })
  expect(await outcome(wire, chat)).toBeInstanceOf(TargetFailure)
})

test('an abort closes the connection within 50 ms, before the head and within the body', async () => {
  const heads: Route[] = [
    () => {},
    (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'),
  ]
  for (const head of heads) {
    const { sockets, first, route } = silent()
    const both: Route = (socket, request) => {
      if (typeof head === 'function') head(socket, request)
      if (typeof route === 'function') route(socket, request)
    }
    const { wire } = await serve({ 'POST /api/chat': both })
    const abort = new AbortController()
    const ended = outcome(wire, { ...chat, signal: abort.signal })
    await first
    const reason = new Error('canceled')
    const began = performance.now()
    abort.abort(reason)
    await closed(sockets[0])
    expect(performance.now() - began).toBeLessThan(50)
    expect(await ended).toBe(reason)
  }
})

test('an abort that came first sends nothing', async () => {
  const { server, wire } = await serve({})
  const reason = new Error('too late')
  expect(await outcome(wire, { ...chat, signal: AbortSignal.abort(reason) })).toBe(reason)
  expect(server.connections).toBe(0)
})

test('a reader that stops reading lets go of the connection', async () => {
  let socket: Socket | undefined
  const { wire } = await serve({
    'POST /api/chat': (each) => {
      socket = each
      each.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n')
    },
  })
  const reply = await wire.send(chat)
  for await (const piece of reply.body) {
    expect(piece.toString()).toBe('{}')
    break
  }
  await closed(socket)
})

test('every request has a fresh connection and says that it is the last one on it', async () => {
  const { server, wire } = await serve({ 'GET /api/version': 'version' })
  for (let n = 0; n < 3; n++) expect(await outcome(wire, { method: 'GET', path: '/api/version' })).toContain('0.33')
  expect(server.connections).toBe(3)
  expect(server.received[0]?.headers.connection).toBe('close')
})

test('the prefix of the url is kept, the token is sent as bearer, and no Origin', async () => {
  const { server, wire } = await serve({ 'GET /ollama/api/version': 'version' }, { path: '/ollama/', token: 'secret' })
  expect(await outcome(wire, { method: 'GET', path: '/api/version' })).toContain('0.33')
  const headers = server.received[0]?.headers ?? {}
  expect(headers.authorization).toBe('Bearer secret')
  expect(headers.host).toBe(new URL(server.url).host)
  expect(headers).not.toHaveProperty('origin')
  expect(wire.url).toBe(`${server.url}/ollama`)
})

test('credentials in the url become Basic and are not shown', async () => {
  const { server } = await serve({ 'GET /api/version': 'version' })
  const wire = new Wire({ url: server.url.replace('//', '//me:p%40ss@'), clock: systemClock })
  await outcome(wire, { method: 'GET', path: '/api/version' })
  expect(server.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`)
  expect(wire.url).toBe(server.url)
})

test('a body in pieces arrives whole, and its own failure is not the target’s', async () => {
  const { server, wire } = await serve({ 'POST /api/chat': plain(200, '{}') })
  const pieces = Array.from({ length: 200 }, (_, n) => Buffer.alloc(10_000, String(n % 10)))
  async function* body(broken?: Error) {
    for (const piece of pieces) yield piece
    if (broken) throw broken
  }
  expect(await outcome(wire, { ...chat, body: body() })).toBe('{}')
  expect(server.received[0]?.body).toBe(Buffer.concat(pieces).toString())
  const broken = new Error('the disk is gone')
  expect(await outcome(wire, { ...chat, body: body(broken) })).toBe(broken)
})

test('a question that is not answered in time is unreachable, one answered with too much a failure', async () => {
  const { first, route } = silent()
  const { server } = await serve({ 'GET /api/ps': route, 'GET /api/tags': plain(200, 'x'.repeat(1000)) })
  const clock = new VirtualClock()
  const wire = new Wire({ url: server.url, clock })
  const asked = wire.ask({ method: 'GET', path: '/api/ps', limitMs: 3000 })
  await first
  clock.advance(3000)
  await expect(asked).rejects.toMatchObject({ absent: 'unreachable' })
  await expect(wire.ask({ method: 'GET', path: '/api/tags', most: 999 })).rejects.toBeInstanceOf(TargetFailure)
  expect(await wire.ask({ method: 'GET', path: '/api/tags', most: 1000 })).toMatchObject({ status: 200 })
})

test('an answer that comes before the whole body was sent is taken, and its sender is let go', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let left = false
  async function* endless() {
    try {
      for (;;) {
        yield Buffer.alloc(1000, ' ')
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      left = true
    }
  }
  const { port } = server.address() as AddressInfo
  const reply = await new Wire({ url: `http://127.0.0.1:${port}`, clock: systemClock }).send({
    ...chat,
    body: endless(),
  })
  expect(reply.status).toBe(400)
  reply.close()
  await new Promise((resolve) => server.close(resolve))
  await vi.waitFor(() => expect(left).toBe(true))
})

/** An address that takes no more connections: its process is blocked and its backlog full. */
async function deaf(): Promise<{ url: string; end: () => void }> {
  const script = `
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const port = Number(await new Promise((resolve) => child.stdout.once('data', resolve)))
  const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  // The kernel takes backlog + 1 of them, and answers no more.
  await vi.waitFor(() => expect(fillers.filter((socket) => !socket.connecting)).toHaveLength(2))
  const end = () => {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGKILL')
  }
  return { url: `http://127.0.0.1:${port}`, end }
}
