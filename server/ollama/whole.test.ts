import { expect, test } from 'vitest'
import type { Endpoint } from '../job/submit.ts'
import type { Answer } from './answer.ts'
import { bodyOf, recording, recordingNames } from './recordings/replay.ts'
import { Whole } from './whole.ts'

function whole(endpoint: string, ...pieces: (Buffer | string)[]): Answer | { error: Buffer } {
  const body = new Whole(endpoint as Endpoint)
  for (const piece of pieces) body.add(Buffer.from(piece))
  return body.answer()
}

function answerOf(name: string): Answer {
  const { request } = recording(name)
  const answer = whole(request.path, bodyOf(recording(name)))
  if ('error' in answer) throw new Error(answer.error.toString())
  return answer
}

test.each([
  ['v1-chat-nonstream', { prompt_tokens: 25, output_tokens: 8 }, /^( \w+){8}$/],
  ['thinking-v1-chat-nonstream', { prompt_tokens: 76, output_tokens: 15 }, /^The answer is 8\.$/],
  ['v1-completions', { prompt_tokens: 25, output_tokens: 8 }, /^ zebra cloud .* island$/],
  ['v1-responses-nonstream', { prompt_tokens: 25, output_tokens: 6 }, /^ jacket window stone umbra candle yellow$/],
  ['v1-messages-nonstream', { prompt_tokens: 25, output_tokens: 4 }, /^ saddle island breeze$/],
  ['v1-embeddings', { prompt_tokens: 12 }, /^$/],
  ['v1-embeddings-base64', { prompt_tokens: 6 }, /^$/],
  ['embed-one', { prompt_tokens: 14, load_ms: 268, total_ms: 440 }, /^$/],
  ['embed-empty-array', {}, /^$/],
])('%s is kept byte for byte, its figures and its text are found', (name, usage, text) => {
  const answer = answerOf(name)
  expect(answer.response.equals(bodyOf(recording(name)))).toBe(true)
  expect(answer.usage).toEqual(usage)
  expect(answer.text).toMatch(text)
  expect(answer).toMatchObject({ images: [] })
})

test.each(recordingNames(/^(v1|embed|tools-v1|thinking-v1)-.*(nonstream|one|many|completions|embeddings\w*)$/))(
  '%s is the same answer at every byte it could be cut at',
  (name) => {
    const { request } = recording(name)
    const body = bodyOf(recording(name))
    const at = (cut: number) => whole(request.path, body.subarray(0, cut), body.subarray(cut))
    const expected = JSON.stringify(at(0))
    for (let cut = 1; cut < body.length; cut += body.length > 4096 ? 7 : 1) {
      if (JSON.stringify(at(cut)) !== expected) expect.fail(`cut at ${cut}`)
    }
  },
)

test('pictures beside the text of a chat, and those that calls of Responses made, become files', () => {
  const png = Buffer.from('89504e470d0a1a0a0000', 'hex').toString('base64')
  const url = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }
  const answers: [string, object][] = [
    ['/v1/chat/completions', { choices: [{ message: { content: 'a', images: [url, { type: 'x' }, url] } }] }],
    [
      '/v1/responses',
      {
        output: [
          { type: 'image_generation_call', result: png },
          { type: 'image_generation_call', result: null },
          { type: 'message', content: [{ type: 'output_text', text: 'a' }] },
          { type: 'image_generation_call', result: png },
        ],
      },
    ],
  ]
  for (const [endpoint, answer] of answers) {
    const { text, images } = whole(endpoint, JSON.stringify(answer)) as Answer
    expect([endpoint, text, images.map(({ name }) => name)]).toEqual([endpoint, 'a', ['image-1.png', 'image-2.png']])
    expect(images.every(({ bytes }) => bytes.toString('base64') === png)).toBe(true)
  }
  for (const odd of ['{"choices":[{"message":{"images":"x"}}]}', '{"choices":{"message":1},"output":[null,1,"x"]}'])
    expect(whole('/v1/chat/completions', odd)).toMatchObject({ images: [] })
})

test('an error inside a 200 is no answer, a null error is', () => {
  expect(whole('/v1/messages', '{"type":"error","error":{"message":"x"}}')).toHaveProperty('error')
  expect(whole('/v1/responses', '{"error":null,"output":[]}')).not.toHaveProperty('error')
})

test('a page, half an object or nothing is no answer', () => {
  for (const text of ['<html></html>', '{"object":"list"', '', '{"a":1}\n{"b":2}']) {
    expect(() => whole('/v1/embeddings', text)).toThrow(SyntaxError)
  }
})
