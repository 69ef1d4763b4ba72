import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import type { Endpoint } from '../job/submit.ts'
import { TargetFailure, type Failure } from './failure.ts'
import { bodyOf, plain, recording, recordingNames, replay, type Replay, type Route } from './recordings/replay.ts'
import { run } from './run.ts'
import { Wire } from './wire.ts'

const open: Replay[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

interface Options {
  endpoint?: string
  body?: string
  answerMax?: number
  signal?: AbortSignal
  clock?: VirtualClock
  onOutput?: (line: string) => void
}

/** One run against a server that answers it by `route`. */
async function answered(route: Route | Route[], options: Options = {}) {
  const { endpoint = '/api/chat', body = '{"model":"m"}', answerMax = 1e6, clock = new VirtualClock() } = options
  const server = await replay({ [`POST ${endpoint}`]: route })
  open.push(server)
  const lines: string[] = []
  let heard = 0
  const wire = new Wire({ url: server.url, clock })
  const ended = await run(
    {
      endpoint: endpoint as Endpoint,
      body: [Buffer.from(body)],
      signal: options.signal ?? new AbortController().signal,
      onOutput: (line) => {
        lines.push(line.toString())
        options.onOutput?.(line.toString())
      },
    },
    { wire, clock, answerMax, onBytes: () => void heard++ },
  ).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error, failure: error instanceof TargetFailure ? error.failure : undefined }),
  )
  return { ...ended, lines, heard, received: server.received } as {
    answer?: Awaited<ReturnType<typeof run>>
    error?: unknown
    failure?: Failure
    lines: string[]
    heard: number
    received: Replay['received']
  }
}

const chunked = (...lines: string[]) =>
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
  lines.map((line) => `${Buffer.byteLength(line).toString(16)}\r\n${line}\r\n`).join('')
const said = (content: string, done = false) =>
  `${JSON.stringify({ model: 'm', message: { role: 'assistant', content }, done })}\n`

const wellEnded = recordingNames(/^(chat|generate|thinking|tools|embed|v1|preload|unload|after|option)/)
  .map(recording)
  .filter(({ request, response }) => {
    const deferred =
      /^\/(api\/(chat|generate|embed)|v1\/(chat\/completions|completions|embeddings|responses|messages))$/
    const sse = response.headers.some(([, value]) => value.startsWith('text/event-stream'))
    return deferred.test(request.path) && response.status === 200 && !sse
  })
  .filter((each) => !each.case.startsWith('generate-token-repeat'))

test.each(wellEnded.map((each) => each.case))(
  '%s is an answer, and its lines come out as they came in',
  async (name) => {
    const { request } = recording(name)
    const bytes = bodyOf(recording(name))
    const { answer, lines } = await answered(name, { endpoint: request.path })
    const native = request.path === '/api/chat' || request.path === '/api/generate'
    expect(lines.join('\n')).toBe(native ? bytes.toString().trimEnd() : '')
    if (!native) expect(answer?.response.equals(bytes)).toBe(true)
  },
)

test('native endpoints are asked to stream, the others not to, and no other byte changes', async () => {
  const body = '{"model":"m","seed":9007199254740993,"stream":false}'
  const chat = await answered('chat-stream', { body })
  expect(chat.received[0]?.body).toBe('{"model":"m","seed":9007199254740993,"stream":false,"stream":true}')
  expect(chat.received[0]?.headers['content-type']).toBe('application/json')
  for (const [endpoint, name] of [
    ['/api/embed', 'embed-one'],
    ['/v1/messages', 'v1-messages-nonstream'],
  ]) {
    const { received } = await answered(name as string, { endpoint, body: '{"model":"m","stream":true}' })
    expect(received[0]?.body).toBe('{"model":"m","stream":true,"stream":false}')
  }
})

const died = 'an error was encountered while running the model: unexpected EOF'
test.each([
  ['crash-mid-chat', 200, died, 5],
  ['crash-mid-generate', 200, died, 6],
  ['crash-before-first-chat', 500, died, 0],
  ['crash-embed', 400, /^do embedding request/, 0],
  ['generate-token-repeat', 200, 'the stream ended without done:true and without an error', 32],
  ['generate-token-repeat-nonstream', 200, 'the stream ended without done:true and without an error', 1],
  ['server-killed-mid-chat', undefined, /^the connection to the target broke/, 4],
  ['server-sigterm-mid-chat', undefined, /^the connection to the target broke/, 4],
  ['server-killed-before-first-byte', undefined, /^the connection to the target broke/, 0],
])('%s fails the attempt after the lines that came', async (name, targetStatus, detail, count) => {
  const { failure, lines } = await answered(name, { endpoint: recording(name).request.path })
  expect(failure).toMatchObject({ code: 'target_failed', retry: 'limited' })
  expect(failure?.targetStatus).toBe(targetStatus)
  expect(failure?.detail).toMatch(detail)
  expect(lines).toHaveLength(count)
})

test.each([
  ['/api/chat', 'err-missing-model-chat', 'model_missing'],
  ['/v1/chat/completions', 'err-missing-model-v1-chat', 'model_missing'],
  ['/v1/chat/completions', 'err-prompt-too-long-v1', 'target_refused'],
  ['/api/chat', 'err-host-403-post', 'target_refused'],
  ['/v1/responses', 'crash-before-first-v1-responses', 'target_failed'],
])('an error status on %s is told by its body (%s)', async (endpoint, name, code) => {
  const { failure } = await answered(name, { endpoint })
  expect(failure).toMatchObject({ code, targetStatus: recording(name).response.status })
})

test('an answer that streams after all, of a /v1 endpoint, is no answer', async () => {
  const { failure } = await answered('v1-chat-stream', { endpoint: '/v1/chat/completions' })
  expect(failure).toMatchObject({ code: 'target_failed', retry: 'limited', targetStatus: 200 })
})

test('a page where lines or a body should be fails the attempt, and a /v1 body cut in the middle too', async () => {
  const page = plain(200, '<html>\n<body>hello</body></html>')
  for (const endpoint of ['/api/chat', '/api/generate', '/api/embed', '/v1/completions']) {
    const { failure, lines } = await answered(page, { endpoint })
    expect(failure).toMatchObject({ code: 'target_failed', retry: 'limited', targetStatus: 200 })
    expect(lines).toEqual([])
  }
  const cut = plain(200, '{"object":"list","data":[{"embedding"')
  expect((await answered(cut, { endpoint: '/v1/embeddings' })).failure).toMatchObject({ retry: 'limited' })
})

test('an error in the 200 of a /v1 endpoint is a failure of its own kind', async () => {
  const body = '{"error":{"message":"model \\"x\\" not found","type":"not_found_error"}}'
  const { failure } = await answered(plain(200, body), { endpoint: '/v1/completions' })
  expect(failure).toMatchObject({ code: 'model_missing', retry: 'never', targetStatus: 200, targetBody: body })
})

test('Retry-After is heard as seconds and as a date', async () => {
  const clock = new VirtualClock()
  const date = new Date(clock.wall() + 90_000).toUTCString()
  for (const [header, wait] of [
    ['7', 7_000],
    [date, 90_000],
    ['9'.repeat(30), 31_536_000_000],
    ['soon', undefined],
  ] as const) {
    const { failure } = await answered(plain(503, '{"error":"busy"}', { 'Retry-After': header }), { clock })
    expect(failure).toMatchObject({ retry: 'later' })
    expect(failure?.retryAfter_ms).toBe(wait)
  }
})

test('what happens to the connection after done:true does not matter', async () => {
  const whole = said('hi') + said('', true)
  for (const after of ['reset', 'garbage'] as const) {
    const { answer } = await answered((socket) => {
      socket.write(chunked(whole), () => (after === 'reset' ? socket.resetAndDestroy() : socket.end('nonsense')))
    })
    expect(answer?.text).toBe('hi')
  }
})

test('an answer that has ended but not its connection is let go after a second', async () => {
  const clock = new VirtualClock()
  let socket: Socket | undefined
  const ended = answered(
    (each) => {
      socket = each
      each.write(chunked(said('hi', true)))
    },
    { clock, onOutput: () => setImmediate(() => clock.advance(1000)) },
  )
  expect((await ended).answer?.text).toBe('hi')
  expect(socket).toBeDefined()
})

test('an answer larger than the limit is cut off and never tried again', async () => {
  const big = said('x'.repeat(600)).repeat(3)
  const { failure, lines } = await answered((socket) => void socket.write(chunked(big)), { answerMax: 1500 })
  expect(failure).toMatchObject({ code: 'too_large', retry: 'never' })
  expect(lines.length).toBeLessThan(3)
  const body = { endpoint: '/v1/embeddings', answerMax: 100 }
  expect((await answered('v1-embeddings', body)).failure).toMatchObject({ code: 'too_large' })
})

test('an abort in mid-stream ends with its own reason', async () => {
  const abort = new AbortController()
  const reason = new Error('canceled')
  const { error, lines } = await answered((socket) => void socket.write(chunked(said('one'))), {
    signal: abort.signal,
    onOutput: () => abort.abort(reason),
  })
  expect(error).toBe(reason)
  expect(lines).toHaveLength(1)
})

test('every piece that arrives is told, so that a speaking target needs no probe', async () => {
  const { heard } = await answered('thinking-chat-stream')
  expect(heard).toBeGreaterThan(2)
})

test.each([
  ['in its message', `{"message":{"content":"${'x'.repeat(300_000)}","images":[secret]},"done":true}`],
  ['in a figure', `{"message":{"content":"${'x'.repeat(300_000)}"},"eval_count":secret,"done":true}`],
  ['in its message before', `{"message":{"content":"${'x'.repeat(300_000)}","thinking":secret},"done":false}`],
])('a long line that is broken %s breaks the run off, and nothing quotes it', async (_, line) => {
  const { error, failure } = await answered(plain(200, `${line}\n`))
  expect(failure).toMatchObject({ code: 'target_failed', retry: 'limited', targetStatus: 200 })
  const told = error as Error
  expect(`${told.message} ${told.stack} ${JSON.stringify(told)}`).not.toContain('secret')
})
