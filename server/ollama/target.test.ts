import type { Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { VirtualClock } from '../clock.ts'
import type { RunnerOptions } from '../job/affinity.ts'
import type { Endpoint } from '../job/submit.ts'
import { TargetAbsent } from './failure.ts'
import { plain, replay, type Route } from './recordings/replay.ts'
import { Target } from './target.ts'
import type { TargetState } from './watch.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const silence: Route = (socket: Socket) => void socket.pause()
const never = new AbortController().signal

/** A target over a server with recorded answers to every question of its own, and `routes` for the rest. */
async function target(routes: Record<string, Route | Route[]> = {}) {
  const server = await replay({
    'GET /api/version': 'version',
    'GET /api/ps': 'ps-empty',
    'GET /api/tags': 'tags',
    'POST /api/show': 'show',
    ...routes,
  })
  const clock = new VirtualClock()
  const states: TargetState[] = []
  let names = 0
  const target = new Target({
    url: server.url,
    clock,
    graceMs: 120_000,
    answerMax: 1e6,
    onState: (state) => states.push(state),
    onNames: () => void names++,
  })
  ends.push(
    () => target.close(),
    () => server.close(),
  )
  const asked = (path: string) => server.received.filter((request) => request.path === path)
  return { server, clock, target, states, asked, names: () => names }
}

const chat = (signal: AbortSignal, onOutput?: (line: Buffer) => void) => ({
  endpoint: '/api/chat' as const,
  body: [Buffer.from('{"model":"tiny-a"}')],
  signal,
  onOutput,
})
const load = (endpoint: Endpoint, options: RunnerOptions = {}) => ({ endpoint, model: 'tiny-a:latest', options })
const until = (check: () => void) => vi.waitFor(check, { interval: 1 })

test('the first probe that is answered brings the state, the version and the names', async () => {
  const { target: ollama, states, names } = await target()
  expect(ollama.models).toEqual([])
  await ollama.probe()
  expect(states).toEqual(['awake'])
  await until(() => expect(ollama.runnerKey('tiny-a:latest')).toMatch(/^sha256-/))
  expect(names()).toBeGreaterThan(1)
  expect(ollama.models).toHaveLength(15)
  expect(ollama.version).toBe('0.33.0-rc2')
  expect(ollama.runnerKey('alias-a:latest num_ctx=4096')).toBe(ollama.runnerKey('tiny-a:latest num_ctx=4096'))
})

test('the names are read again with a good probe once they are a minute old', async () => {
  const { target: ollama, clock, asked } = await target()
  await ollama.probe()
  await pass(clock, 59)
  expect(asked('/api/tags')).toHaveLength(1)
  await pass(clock, 2)
  await until(() => expect(asked('/api/tags')).toHaveLength(2))
})

test('a run gives the answer, and while it lasts /api/ps is read every second', async () => {
  let socket: Socket | undefined
  const {
    target: ollama,
    clock,
    asked,
  } = await target({
    'POST /api/chat': (each) => {
      socket = each
      each.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    },
  })
  const running = ollama.run(chat(never))
  await until(() => expect(socket).toBeDefined())
  clock.advance(0)
  await until(() => expect(ollama.reading).toBeDefined())
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(1_000)
  await until(() => expect(asked('/api/ps')).toHaveLength(2))
  const line = '{"model":"m","message":{"role":"assistant","content":"hi"},"done":true}\n'
  socket?.end(`${line.length.toString(16)}\r\n${line}\r\n0\r\n\r\n`)
  expect((await running).text).toBe('hi')
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(10_000)
  expect(asked('/api/ps').length).toBeLessThanOrEqual(2)
})

test('a load asks for nothing, with the job’s own runner options and shift', async () => {
  const { target: ollama, asked } = await target({
    'POST /api/generate': 'preload',
    'POST /api/embed': 'embed-preload-completion-model',
  })
  await ollama.preload(load('/api/chat', { num_ctx: 8192, use_mmap: false, shift: false }), never)
  await ollama.preload(load('/v1/messages'), never)
  expect(asked('/api/generate').map(({ body }) => JSON.parse(body))).toEqual([
    { model: 'tiny-a:latest', stream: false, options: { num_ctx: 8192, use_mmap: false }, shift: false },
    { model: 'tiny-a:latest', stream: false },
  ])
  await ollama.preload(load('/api/embed', { num_ctx: 512 }), never)
  await ollama.preload(load('/v1/embeddings'), never)
  expect(asked('/api/embed').map(({ body }) => JSON.parse(body))).toEqual([
    { model: 'tiny-a:latest', input: '', options: { num_ctx: 512 } },
    { model: 'tiny-a:latest', input: '' },
  ])
})

test('what was loaded is resident at once, under every name it has', async () => {
  const { target: ollama } = await target({ 'POST /api/generate': 'preload' })
  await ollama.refresh()
  expect(await ollama.preload(load('/api/chat', { num_ctx: 512 }), never)).toBe(true)
  expect(ollama.residentKeys().has(ollama.runnerKey('alias-a:latest num_ctx=512'))).toBe(true)
  expect(ollama.residentKeys().has(ollama.runnerKey('tiny-a:latest'))).toBe(false)
})

test('what had to go for a load is looked for at once', async () => {
  const { target: ollama } = await target({
    'GET /api/ps': ['ps-two-models', 'ps-loaded'],
    'POST /api/generate': 'preload',
  })
  await ollama.look()
  expect(ollama.reading?.residents).toHaveLength(2)
  await ollama.preload(load('/api/chat'), never)
  await until(() => expect(ollama.reading?.residents).toHaveLength(1))
})

test('a cloud model needs no load, and none is asked for', async () => {
  const { target: ollama, server } = await target()
  const cloud = { endpoint: '/api/chat', model: 'gpt-oss:120b-cloud', options: {} } as const
  expect(await ollama.preload(cloud, never)).toBe(false)
  expect(server.received).toEqual([])
})

test.each([
  ['err-load-oom', { code: 'target_failed', retry: 'once' }],
  ['err-load-broken-preload', { code: 'target_failed', retry: 'never' }],
  ['err-busy-503-preload', { code: 'target_failed', retry: 'later' }],
  ['err-load-stalled', { code: 'target_failed', retry: 'limited' }],
  ['err-preload-embed-by-generate', { code: 'target_refused', retry: 'never' }],
])('a load that ends as %s fails so', async (name, failure) => {
  const { target: ollama } = await target({ 'POST /api/generate': name })
  await expect(ollama.preload(load('/api/chat'), never)).rejects.toMatchObject({ failure })
  expect(ollama.residentKeys().size).toBe(0)
})

test('a load that is answered by something else is none', async () => {
  for (const body of ['<html>', '{"response":"hi","done":true}', '{"error":"x"}']) {
    const { target: ollama } = await target({ 'POST /api/generate': plain(200, body) })
    await expect(ollama.preload(load('/api/chat'), never)).rejects.toMatchObject({ failure: { code: 'target_failed' } })
  }
})

test('an abort reaches a load as it reaches a run', async () => {
  for (const start of ['preload', 'run'] as const) {
    const sockets: Socket[] = []
    const hold: Route = (socket) => void sockets.push(socket)
    const { target: ollama } = await target({ 'POST /api/generate': hold, 'POST /api/chat': hold })
    const abort = new AbortController()
    const ended = start === 'run' ? ollama.run(chat(abort.signal)) : ollama.preload(load('/api/chat'), abort.signal)
    await until(() => expect(sockets).toHaveLength(1))
    const reason = new Error('deadline')
    abort.abort(reason)
    await expect(ended).rejects.toBe(reason)
    await until(() => expect(sockets[0]?.closed).toBe(true))
  }
})

test('a target that refuses the connection is absent and known to be down at once', async () => {
  const { target: ollama, server, states } = await target()
  await ollama.probe()
  await server.close()
  await expect(ollama.run(chat(never))).rejects.toBeInstanceOf(TargetAbsent)
  await until(() => expect(states).toEqual(['awake', 'down']))
})

test('a model that is not there has the names read again', async () => {
  const { target: ollama, asked } = await target({ 'POST /api/chat': 'err-missing-model-chat' })
  await expect(ollama.run(chat(never))).rejects.toMatchObject({ failure: { code: 'model_missing' } })
  await until(() => expect(asked('/api/tags')).toHaveLength(1))
})

/** Advances in steps of a second, letting what falls due on the way happen. */
async function pass(clock: VirtualClock, seconds: number) {
  for (let n = 0; n < seconds; n++) {
    clock.advance(1_000)
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

test('a silent run is kept as long as probes are answered, and through an absence shorter than the grace time', async () => {
  const state = { asleep: false }
  const version: Route = (socket, request) => {
    const answer = plain(200, '{"version":"1"}')
    if (!state.asleep && typeof answer === 'function') answer(socket, request)
  }
  let socket: Socket | undefined
  const {
    target: ollama,
    clock,
    states,
  } = await target({
    'GET /api/version': version,
    'POST /api/chat': (each) => void (socket = each),
  })
  await ollama.probe()
  const running = ollama.run(chat(never))
  await pass(clock, 300)
  state.asleep = true
  await pass(clock, 110)
  expect(ollama.state).toBe('asleep')
  state.asleep = false
  await pass(clock, 20)
  const body = '{"model":"m","message":{"role":"assistant","content":"late"},"done":true}'
  socket?.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  expect((await running).text).toBe('late')
  expect(states).toEqual(['awake', 'asleep', 'awake'])
})

test('a run is given up when probes fail for longer than the grace time, at no cost to the job', async () => {
  const sockets: Socket[] = []
  const { target: ollama, clock } = await target({
    'GET /api/version': ['version', silence],
    'POST /api/chat': (socket) => void sockets.push(socket),
  })
  await ollama.probe()
  const ended = vi.fn<(error: unknown) => void>()
  void ollama.run(chat(never)).catch(ended)
  await until(() => expect(sockets).toHaveLength(1))
  await pass(clock, 119)
  expect(ended).not.toHaveBeenCalled()
  await pass(clock, 12)
  expect(ended).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ absent: 'gave_up' }))
  await until(() => expect(sockets[0]?.closed).toBe(true))
})

test('a stream that speaks is not given up, whatever the probes say', async () => {
  let socket: Socket | undefined
  const { target: ollama, clock } = await target({
    'GET /api/version': ['version', silence],
    'POST /api/chat': (each) => {
      socket = each
      each.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    },
  })
  await ollama.probe()
  const running = ollama.run(chat(never))
  await until(() => expect(socket).toBeDefined())
  const say = (done: boolean) => {
    const line = `{"model":"m","message":{"role":"assistant","content":"x"},"done":${done}}\n`
    socket?.write(`${line.length.toString(16)}\r\n${line}\r\n`)
  }
  for (let n = 0; n < 5; n++) {
    await pass(clock, 60)
    say(false)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  say(true)
  socket?.end('0\r\n\r\n')
  expect((await running).text).toBe('xxxxxx')
})

test('a load that goes through ends stuck', async () => {
  const { target: ollama, states } = await target({ 'POST /api/generate': 'preload' })
  await ollama.probe()
  ollama.stuck()
  expect(ollama.state).toBe('stuck')
  await ollama.preload(load('/api/chat'), never)
  expect(states).toEqual(['awake', 'stuck', 'awake'])
})

test('the address is told without credentials', () => {
  const options = { clock: new VirtualClock(), graceMs: 1, answerMax: 1 }
  const ollama = new Target({ ...options, url: 'https://me:secret@gpu.example.org/ollama/' })
  expect(ollama.url).toBe('https://gpu.example.org/ollama')
})

test('closed, it leaves nothing running', async () => {
  const { target: ollama, clock, server } = await target()
  await ollama.probe()
  ollama.demand('waiting', true)
  ollama.demand('in_flight', true)
  ollama.close()
  await ollama.refresh()
  const before = server.received.length
  clock.advance(2_500)
  await Promise.all([ollama.look(), ollama.probe(), ollama.refresh()])
  // Whatever was sent has arrived before this.
  await fetch(`${server.url}/last`)
  expect(server.received.slice(before).map(({ path }) => path)).toEqual(['/last'])
})
