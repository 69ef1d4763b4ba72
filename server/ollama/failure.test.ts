import { expect, test } from 'vitest'
import { brokenOff, classify, tooLarge, type Failure } from './failure.ts'
import { bodyOf, recording, recordingNames } from './recordings/replay.ts'

type Row = [code: Failure['code'], retry: Failure['retry'], detail: string | RegExp]

/** The last line of a body: the error of a stream, or the whole of an answer. */
function failureOf(name: string): Failure {
  const { request, response } = recording(name)
  const text = bodyOf(recording(name)).toString()
  const last = text.trim().split('\n').at(-1) ?? ''
  return classify({ status: response.status ?? 0, text: last, endpoint: request.path })
}

const endpoints = ['chat', 'generate', 'embed', 'v1-chat', 'v1-completions', 'v1-embeddings', 'v1-messages']
const on = (prefix: string, names = endpoints) => names.map((name) => `err-${prefix}-${name}`)
const forAll = (names: string[], row: Row): [string, Row][] => names.map((name) => [name, row])

const died = 'an error was encountered while running the model: unexpected EOF'
const busy = 'server busy, please try again.  maximum pending requests exceeded'
const tooLong = 'request (32017 tokens) exceeds the available context size (2048 tokens), try increasing it'
const noEmbeddings = 'This server does not support embeddings. Start it with `--embeddings`'

const table: [string, Row][] = [
  ...forAll(on('bad-json'), ['target_refused', 'never', /^invalid character 'x' looking for/]),
  ...forAll(on('empty-body'), ['target_refused', 'never', /^(missing request body|EOF)$/]),
  ...forAll(on('bad-name'), ['target_refused', 'never', 'invalid model name']),
  ...forAll(on('empty-model'), ['target_refused', 'never', /^(model is required|model '' not found)$/]),
  ...forAll(on('missing-model'), ['model_missing', 'never', /^model ['"]nope['"] not found(, try pulling it first)?$/]),
  ...forAll(recordingNames(/^err-busy-503-/), ['target_failed', 'later', busy]),
  ['err-wrong-type-messages', ['target_refused', 'never', /^json: cannot unmarshal string into Go struct field/]],
  ['err-wrong-type-model', ['target_refused', 'never', /^json: cannot unmarshal number/]],
  ['err-chat-on-embed', ['target_refused', 'never', '"tiny-embed" does not support chat']],
  ['err-v1-chat-on-embed', ['target_refused', 'never', '"tiny-embed" does not support chat']],
  ['err-generate-on-embed', ['target_refused', 'never', '"tiny-embed" does not support generate']],
  ['err-preload-embed-by-generate', ['target_refused', 'never', '"tiny-embed" does not support generate']],
  ['err-thinking-unsupported', ['target_refused', 'never', '"tiny-a" does not support thinking']],
  ['err-tools-unsupported', ['target_refused', 'never', /does not support tools$/]],
  ['err-insert-unsupported', ['target_refused', 'never', /does not support insert$/]],
  ['err-images-unsupported', ['target_refused', 'never', /^image input is not supported - hint:/]],
  ...forAll(recordingNames(/^err-option-type-(num_ctx|stop|temperature|use_mmap)$/), [
    'target_refused',
    'never',
    /^option "\w+" must be of type \w+$/,
  ]),
  ['err-format-invalid', ['target_refused', 'never', /^invalid format: /]],
  ['err-format-invalid-generate', ['target_refused', 'never', /^invalid format: /]],
  ['err-schema', ['target_refused', 'never', /^Unable to generate parser for this template\./]],
  ['err-schema-generate', ['target_refused', 'never', /^Unable to generate parser for this template\./]],
  ['err-v1-schema', ['target_refused', 'never', /^Unable to generate parser for this template\./]],
  ['err-logprobs-range', ['target_refused', 'never', 'top_logprobs must be between 0 and 20']],
  ...forAll(recordingNames(/^err-keep-alive-/), ['target_refused', 'never', /^(time: |Unsupported type)/]),
  ...forAll(recordingNames(/^err-prompt-too-long-/), ['target_refused', 'never', tooLong]),
  ...forAll(recordingNames(/^prompt-too-long-chat-/), ['target_refused', 'never', /exceeds the available context/]),
  ['prompt-too-long-generate-shift-false', ['target_refused', 'never', /^the prompt is longer than the context/]],
  ['err-embed-too-long', ['target_refused', 'never', 'the input length exceeds the context length']],
  ['embed-too-long-default', ['target_refused', 'never', 'the input length exceeds the context length']],
  ['err-embed-on-completion', ['target_refused', 'never', noEmbeddings]],
  ['err-embeddings-on-completion', ['target_refused', 'never', noEmbeddings]],
  ['err-v1-embeddings-on-completion', ['target_refused', 'never', noEmbeddings]],
  ['err-v1-image-url-http', ['target_refused', 'never', /^image URLs are not currently supported/]],
  ['err-v1-messages-no-max-tokens', ['target_refused', 'never', 'max_tokens is required and must be positive']],
  ['err-host-403-post', ['target_refused', 'never', /403 and no body: its check of Host or Origin/]],
  ['err-origin-403-post', ['target_refused', 'never', /403 and no body: its check of Host or Origin/]],
  ['err-cloud-disabled', ['target_refused', 'never', 'ollama cloud is disabled: remote model is unavailable']],
  ['err-cloud-disabled-v1', ['target_refused', 'never', 'ollama cloud is disabled: remote model is unavailable']],
  ['not-found-404-v1', ['target_refused', 'never', /^the target has no \/\S+: newer ones of Ollama do$/]],
  ['wrong-method-405', ['target_refused', 'never', '405 method not allowed']],
  ['err-load-exit1', ['target_failed', 'once', /^llama-server process has terminated: exit status 1/]],
  ['err-load-oom', ['target_failed', 'once', /cudaMalloc failed: out of memory/]],
  ['err-load-broken-preload', ['target_failed', 'never', /exceeds file size/]],
  ['err-load-unknown-arch', ['target_failed', 'never', /unknown model architecture: 'zzz'$/]],
  ['err-load-stalled', ['target_failed', 'limited', 'timed out waiting for llama-server to start -']],
  ['err-load-stalled-v1', ['target_failed', 'limited', 'timed out waiting for llama-server to start -']],
  ...forAll(recordingNames(/^crash-(before-first|nonstream)-/), ['target_failed', 'limited', died]),
  ['crash-mid-chat', ['target_failed', 'limited', died]],
  ['crash-mid-generate', ['target_failed', 'limited', died]],
  ['crash-embed', ['target_failed', 'limited', /^do embedding request: Post ".+": EOF$/]],
]

test.each(table)('%s', (name, [code, retry, detail]) => {
  const failure = failureOf(name)
  expect(failure).toMatchObject({ code, retry })
  if (typeof detail === 'string') expect(failure.detail).toBe(detail)
  else expect(failure.detail).toMatch(detail)
  expect(failure.targetStatus).toBe(recording(name).response.status)
})

test('every recorded error of an endpoint that jobs run on is in the table', () => {
  const rows = new Set(table.map(([name]) => name))
  const errors = recordingNames(/^(err|crash)-/).filter((name) => {
    const { request, response } = recording(name)
    const deferred = /^\/(api\/(chat|generate|embed)|v1\/(chat\/)?completions|v1\/(embeddings|messages))$/
    const lost = name.startsWith('crash-mid-v1')
    return deferred.test(request.path) && !lost && name !== 'err-option-type-num_ctx-float' && response.status !== null
  })
  expect(errors.filter((name) => !rows.has(name))).toEqual([])
})

// Rows of the contract without a recording: other versions, other machines, the cloud, proxies in front.
const unrecorded: [status: number, text: string, endpoint: string, Row][] = [
  [
    500,
    '{"error":"model requires 30 GiB but only 20 GiB are available"}',
    '/api/chat',
    ['target_failed', 'once', /30/],
  ],
  [
    500,
    '{"error":"model requires more system memory (9 GiB) than is available (2 GiB)"}',
    '/api/chat',
    ['target_failed', 'once', /9/],
  ],
  [
    200,
    '{"error":"an error was encountered while running the model: CUDA error: out of memory"}',
    '/api/chat',
    ['target_failed', 'once', /CUDA/],
  ],
  [
    500,
    '{"error":"llama runner process has terminated: exit status 2"}',
    '/api/chat',
    ['target_failed', 'once', /status 2/],
  ],
  [500, '{"error":"unable to load model: /models/blobs/sha256-0"}', '/api/chat', ['target_failed', 'once', /unable/]],
  [
    500,
    '{"error":"timed out waiting for llama runner to start - progress 0.00 - "}',
    '/api/chat',
    ['target_failed', 'limited', /progress/],
  ],
  [500, '{"error":"timeout waiting for mlx runner"}', '/api/chat', ['target_failed', 'limited', /mlx/]],
  [
    500,
    '{"error":"model runner has unexpectedly stopped, this may be due to resource limitations"}',
    '/api/chat',
    ['target_failed', 'limited', /stopped/],
  ],
  [200, '{"error":"llama runner process no longer running: -1 "}', '/api/chat', ['target_failed', 'limited', /-1$/]],
  [
    200,
    '{"error":"error reading llama-server response: unexpected EOF"}',
    '/api/chat',
    ['target_failed', 'limited', /EOF/],
  ],
  [400, '{"error":"error reading embed response: EOF"}', '/api/embed', ['target_failed', 'limited', /EOF/]],
  [
    400,
    '{"error":"unexpected server status: llm server loading model"}',
    '/v1/embeddings',
    ['target_failed', 'limited', /loading/],
  ],
  [
    400,
    '{"error":"read tcp 127.0.0.1:1->127.0.0.1:2: connection reset by peer"}',
    '/api/embed',
    ['target_failed', 'limited', /reset/],
  ],
  [400, '{"error":"something new about chat"}', '/api/chat', ['target_refused', 'never', /new/]],
  [
    401,
    '{"error":"unauthorized","signin_url":"https://ollama.com/connect?x=1"}',
    '/api/chat',
    ['target_refused', 'never', 'unauthorized'],
  ],
  [499, '{"error":"request canceled"}', '/api/chat', ['target_failed', 'limited', 'request canceled']],
  [
    502,
    '{"error":"Post \\"https://ollama.com:443/api/chat\\": EOF"}',
    '/api/chat',
    ['target_failed', 'later', /^Post/],
  ],
  [
    429,
    '{"error":"Server overloaded, please retry shortly"}',
    '/v1/messages',
    ['target_failed', 'later', /overloaded/],
  ],
  [504, '<html>Gateway Time-out</html>', '/api/chat', ['target_failed', 'later', /Gateway/]],
  [307, '', '/api/chat', ['target_refused', 'never', 'the target answered 307 without a word']],
  [500, '', '/api/chat', ['target_failed', 'limited', 'the target answered 500 without a word']],
]

test.each(unrecorded)('%i %s on %s', (status, text, endpoint, [code, retry, detail]) => {
  const failure = classify({ status, text, endpoint })
  expect(failure).toMatchObject({ code, retry })
  expect(failure.detail).toMatch(detail)
})

test('the wait the target asked for counts only where waiting helps', () => {
  const said = (status: number) => classify({ status, text: '', endpoint: '/api/chat', retryAfter_ms: 9000 })
  expect(said(503).retryAfter_ms).toBe(9000)
  expect(said(500).retryAfter_ms).toBeUndefined()
})

test('what the target said is kept up to 4 kB, no character cut in two, and the detail stays a line', () => {
  const failure = classify({ status: 500, text: `x${'ü'.repeat(5000)}`, endpoint: '/api/chat' })
  expect(failure.targetBody).toBe(`x${'ü'.repeat(2047)}`)
  expect(failure.detail).toHaveLength(500)
  expect(classify({ status: 500, text: '', endpoint: '/api/chat' })).not.toHaveProperty('targetBody')
})

test('an end that is none can be tried again, an answer too large cannot', () => {
  expect(brokenOff('x', 200)).toEqual({ code: 'target_failed', retry: 'limited', detail: 'x', targetStatus: 200 })
  expect(brokenOff('x')).not.toHaveProperty('targetStatus')
  expect(tooLarge(10)).toMatchObject({ code: 'too_large', retry: 'never' })
})
