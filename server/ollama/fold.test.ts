import { describe, expect, test } from 'vitest'
import { withLoad } from './answer.ts'
import { Fold } from './fold.ts'
import { LineSplitter } from './ndjson.ts'
import { bodyOf, recording, recordingNames, textOf } from './recordings/replay.ts'

type Streaming = '/api/chat' | '/api/generate'

function folded(endpoint: Streaming, ...pieces: Buffer[]): Fold {
  const splitter = new LineSplitter()
  const fold = new Fold(endpoint)
  for (const piece of pieces) for (const line of splitter.write(piece)) fold.add(line)
  const tail = splitter.end()
  if (tail) fold.add(tail)
  return fold
}

const foldOf = (name: string) => folded(recording(name).request.path as Streaming, bodyOf(recording(name)))
const lines = (...objects: object[]) => objects.map((object) => Buffer.from(`${JSON.stringify(object)}\n`))

/** What differs between two runs of one request: clocks, and the random ids of tool calls. */
const steady = (text: string) =>
  text
    .replace(/"created_at":"[^"]+"/, '"created_at":"T"')
    .replaceAll(/"(\w+_duration)":\d+/g, '"$1":0')
    .replaceAll(/"call_\w+"/g, '"call"')

test.each([
  ['chat-stream', 'chat-nonstream'],
  ['generate-stream', 'generate-nonstream'],
  ['thinking-chat-stream', 'thinking-chat-nonstream'],
  ['tools-chat-stream', 'tools-chat-nonstream'],
])('%s folds to the very text of %s', (stream, whole) => {
  const fold = foldOf(stream)
  expect(fold.ended).toBe('done')
  expect(steady(fold.answer().response.toString())).toBe(steady(textOf(whole)))
})

test('one-object answers fold to themselves', () => {
  for (const name of recordingNames(/nonstream$|^preload|^unload|^chat-format-schema|^generate-logprobs/)) {
    const { request, response } = recording(name)
    if (!/^\/api\/(chat|generate)$/.test(request.path) || response.status !== 200 || response.chunks.length !== 1)
      continue
    if (name === 'generate-token-repeat-nonstream') continue
    expect(foldOf(name).answer().response.toString()).toBe(textOf(name).trim())
  }
})

test('logprobs of all lines are joined, before the metrics on chat and behind them on generate', () => {
  const chat = foldOf('chat-logprobs').answer().response.toString()
  const keys = Object.keys(JSON.parse(chat) as object)
  expect(keys.indexOf('logprobs')).toBe(keys.indexOf('done_reason') + 1)
  expect(chat).toContain('"logprob":-3.36249041557312,')
  expect((JSON.parse(chat) as { logprobs: { token: string }[] }).logprobs.map((each) => each.token).join('')).toBe(
    ' cloud karma uphill ember',
  )
  const generate = folded(
    '/api/generate',
    ...lines(
      { model: 'm', response: 'a', done: false, logprobs: [{ token: 'a', logprob: -0.5 }] },
      { model: 'm', response: '', done: true, done_reason: 'stop', context: [1], eval_count: 1, eval_duration: 5 },
    ),
  ).answer()
  expect(generate.response.toString()).toBe(
    '{"model":"m","response":"a","done":true,"done_reason":"stop","context":[1],"eval_count":1,"eval_duration":5,' +
      '"logprobs":[{"token":"a","logprob":-0.5}]}',
  )
})

test('thinking comes behind the text it led to, on chat and on generate', () => {
  const whole = JSON.parse(foldOf('thinking-generate-stream').answer().response.toString()) as Record<string, unknown>
  expect(Object.keys(whole).slice(0, 5)).toEqual(['model', 'created_at', 'response', 'thinking', 'done'])
  expect(whole.thinking).toMatch(/^\w+ plus two is/)
  const chat = foldOf('thinking-format-json').answer()
  expect(Object.keys((JSON.parse(chat.response.toString()) as { message: object }).message)).toEqual([
    'role',
    'content',
    'thinking',
  ])
})

test('numbers keep every digit and texts the escapes of Go', () => {
  const fold = folded(
    '/api/generate',
    Buffer.from('{"model":"m","response":"a\\u003cb","done":false}\n'),
    Buffer.from(
      '{"model":"m","response":"\\u0026 \\"ü\\u2028\\n","done":true,"context":[9007199254740993,1.50],"total_duration":1e3}',
    ),
  )
  expect(fold.answer().response.toString()).toBe(
    '{"model":"m","response":"a\\u003cb\\u0026 \\"ü\\u2028\\n","done":true,"context":[9007199254740993,1.50],"total_duration":1e3}',
  )
  expect(fold.answer().text).toBe('a<b& "ü\u2028\n')
})

test('the tool calls of all lines are joined as they were written', () => {
  const call = (name: string) => ({ function: { name, arguments: { big: 1 } } })
  const fold = folded(
    '/api/chat',
    ...lines(
      { model: 'm', message: { role: 'assistant', content: '', tool_calls: [call('a'), call('b')] }, done: false },
      { model: 'm', message: { role: 'assistant', content: '', tool_calls: [call('c')] }, done: true },
    ),
  )
  const { message } = JSON.parse(fold.answer().response.toString()) as { message: { tool_calls: unknown[] } }
  expect(message.tool_calls).toEqual([call('a'), call('b'), call('c')])
})

test('an error line and an end without done:true are told apart from an answer', () => {
  for (const name of ['crash-mid-chat', 'crash-mid-generate']) {
    const fold = foldOf(name)
    expect(fold.ended).toBe('error')
    expect(fold.error?.toString()).toContain('unexpected EOF')
  }
  for (const name of ['generate-token-repeat', 'generate-token-repeat-nonstream', 'server-killed-mid-chat']) {
    expect(foldOf(name).ended).toBeNull()
  }
})

test('what comes after the end does not count', () => {
  const end = (content: string) => ({ message: { role: 'assistant', content }, done: true })
  const fold = folded('/api/chat', ...lines(end('a'), end('b'), { error: 'x' }))
  expect(fold.ended).toBe('done')
  expect(fold.answer().text).toBe('a')
})

test('usage is in tokens and whole milliseconds, and absent where Ollama left it out', () => {
  expect(foldOf('chat-stream').answer().usage).toMatchObject({ prompt_tokens: 25, output_tokens: 6 })
  expect(foldOf('chat-nonstream').answer().usage).toEqual({
    prompt_tokens: 25,
    output_tokens: 6,
    load_ms: 5,
    prompt_ms: 132,
    output_ms: 567,
    total_ms: 707,
  })
  expect(foldOf('preload').answer().usage).toEqual({})
})

test('a figure nobody could have counted is left out, so that a job can always be shown', () => {
  const used = (figures: string) => {
    const fold = new Fold('/api/chat')
    fold.add(Buffer.from(`{"message":{"content":"x"},"done":true,${figures}}`))
    return fold.answer().usage
  }
  expect(used('"eval_count":1e300,"prompt_eval_count":-1,"total_duration":1e40,"load_duration":"5"')).toEqual({})
  expect(used('"eval_count":9007199254740993,"prompt_eval_count":7')).toEqual({ prompt_tokens: 7 })
  expect(withLoad({ load_ms: Number.MAX_SAFE_INTEGER, total_ms: 5 }, 1.6)).toEqual({ total_ms: 7 })
})

describe('pictures become files', () => {
  const png = Buffer.from('89504e470d0a1a0a0000', 'hex')

  test('of a generation the one of its last line', () => {
    const preview = Buffer.from('GIF89a').toString('base64')
    const said = lines({ response: '', image: preview }, { response: '', done: true, image: png.toString('base64') })
    expect(folded('/api/generate', ...said).answer().images).toEqual([
      { name: 'image-1.png', contentType: 'image/png', bytes: png },
    ])
    expect(folded('/api/generate', ...lines({ response: 'x', done: true })).answer().images).toEqual([])
  })

  test('of a chat all, whichever line they are in, named by what they are and numbered in their order', () => {
    const images = ['ffd8ffe0', Buffer.from('RIFF0000WEBPVP8 ').toString('hex'), Buffer.from('what').toString('hex')]
    const message = (some: string[]) => {
      return { role: 'assistant', content: '', images: some.map((hex) => Buffer.from(hex, 'hex').toString('base64')) }
    }
    const said = lines({ message: message(images.slice(0, 1)) }, { message: message(images.slice(1)), done: true })
    const named = folded('/api/chat', ...said).answer().images
    expect(named.map(({ name, contentType }) => [name, contentType])).toEqual([
      ['image-1.jpg', 'image/jpeg'],
      ['image-2.webp', 'image/webp'],
      ['image-3.bin', 'application/octet-stream'],
    ])
    expect(named.map(({ bytes }) => bytes.toString('hex'))).toEqual(images)
  })

  test('also from data URLs, by their first bytes and else by what the URL says', () => {
    const urls: [string, string, string][] = [
      [`data:image/jpeg;base64,${png.toString('base64')}`, 'image-1.png', 'image/png'],
      ['data:image/webp;charset=x;base64,d2hhdA==', 'image-2.webp', 'image/webp'],
      ['DATA:;base64,d2hhdA==', 'image-3.bin', 'application/octet-stream'],
      ['data:text/html;base64,d2hhdA==', 'image-4.bin', 'application/octet-stream'],
    ]
    const message = { content: '', images: urls.map(([url]) => url) }
    const { images } = folded('/api/chat', ...lines({ message, done: true })).answer()
    expect(images.map(({ name, contentType }) => [name, contentType])).toEqual(urls.map(([, ...told]) => told))
  })

  test('and what is none stays where it is, without a number', () => {
    const broken = [
      '',
      'no base64!',
      'd2hhd',
      'data:image/png;base64,',
      'data:image/png,raw',
      'd2h hdA==',
      7,
      null,
      {},
      [],
    ]
    const message = { content: '', images: [...broken, png.toString('base64')] }
    const answer = folded('/api/chat', ...lines({ message, done: true })).answer()
    expect(answer.images.map(({ name }) => name)).toEqual(['image-1.png'])
    expect(JSON.parse(answer.response.toString())).toMatchObject({ message })
    for (const images of ['x', 5, null, { a: 1 }])
      expect(folded('/api/chat', ...lines({ message: { content: '', images }, done: true })).answer().images).toEqual(
        [],
      )
  })
})

const streamed = recordingNames(/^(chat|generate|thinking|tools|crash-mid|server)/)
  .map(recording)
  .filter(({ request, response }) => /^\/api\/(chat|generate)$/.test(request.path) && response.chunks.length > 1)

test.each(streamed.map((each) => each.case))('%s folds alike at every byte it could be cut at', (name) => {
  const body = bodyOf(recording(name))
  const endpoint = recording(name).request.path as Streaming
  const outcome = (fold: Fold) => [
    fold.ended,
    fold.error?.toString(),
    fold.ended === 'done' ? fold.answer().response.toString() : undefined,
  ]
  const whole = outcome(folded(endpoint, body))
  for (let cut = 1; cut < body.length; cut++) {
    const two = outcome(folded(endpoint, body.subarray(0, cut), body.subarray(cut)))
    if (two.join() !== whole.join()) expect(two, `cut at ${cut}`).toEqual(whole)
  }
})

test('a line that is no JSON object is refused', () => {
  for (const line of ['<html>', '[]', '{"done":tru}', '{"done":true', 'null', ' ']) {
    expect(() => new Fold('/api/chat').add(Buffer.from(line))).toThrow(SyntaxError)
  }
})
