// What a look at an inference request finds.
import { describe, expect, it } from 'vitest'
import { isInference, isReadable, pathOf, Peek, routeOf } from './peek.ts'

function look(path: string, text: string, cut = 0): string | undefined {
  const bytes = Buffer.from(text)
  const pieces = cut === 0 ? [bytes] : [bytes.subarray(0, cut), bytes.subarray(cut)]
  const peek = new Peek(path)
  for (const piece of pieces) peek.write(piece)
  return peek.key(pieces)
}

describe('a look at a request', () => {
  it('finds model and runner options, wherever the body is cut', () => {
    const text =
      '{"messages":[{"content":"\\"model\\":1"}],"OPTIONS":{"num_ctx":4096,"seed":1},"Model":"a/B:Q4","shift":false} rest'
    for (let cut = 0; cut < Buffer.byteLength(text); cut++) {
      expect(look('/api/chat', text, cut)).toBe('a/b:q4 num_ctx=4096 shift=false')
    }
  })

  it('knows that /v1 sets no options, and tells a cloud model by its name', () => {
    expect(look('/v1/chat/completions', '{"model":"m","options":{"num_ctx":1},"shift":false}')).toBe('m:latest')
    expect(look('/api/chat', '{"model":"gpt-oss:120b-cloud"}')).toBe('gpt-oss:120b:cloud')
  })

  it('knows of sound only that it needs a runner', () => {
    const path = '/v1/audio/transcriptions'
    expect([isInference('POST', path), isReadable(path), isReadable('/api/chat')]).toEqual([true, false, true])
  })

  it('finds nothing in what Ollama would refuse', () => {
    for (const text of [
      '',
      '{',
      '{}',
      '[]',
      '{"model":""}',
      '{"model":1}',
      '{"model":null}',
      '{"model":"a"',
      'model',
    ]) {
      expect(look('/api/generate', text)).toBeUndefined()
    }
    expect(look('/api/generate', `{"model":"a","options":{"x":"${'y'.repeat(70_000)}"}}`)).toBeUndefined()
  })

  it('reads 40 MB in the pieces the socket gives, keeping nothing of them', () => {
    const image = Buffer.from(`{"model":"m","images":["${'A'.repeat(40e6)}"],"options":{"num_ctx":1}}`)
    const numbers = Buffer.from(`{"model":"m","context":[${'128001,'.repeat(2e6)}0],"options":{"num_ctx":1}}`)
    for (const body of [image, numbers]) {
      const peek = new Peek('/api/generate')
      for (let at = 0; at < body.length; at += 0x10000) peek.write(body.subarray(at, at + 0x10000))
      expect(peek.key([body])).toBe('m:latest num_ctx=1')
    }
  })
})

describe('a flag of a request', () => {
  it.each([
    ['{"model":"m","stream":true}', true],
    ['{"STREAM":false}', false],
    ['{"stream":false,"stream":true}', true],
    ['{"stream":null}', undefined],
    ['{"stream":"true"}', undefined],
    ['{"options":{"stream":true}}', undefined],
    ['{"stream":true', undefined],
  ])('%s', (text, flag) => {
    const peek = new Peek('/api/chat')
    peek.write(Buffer.from(text))
    peek.key([Buffer.from(text)])
    expect(peek.flag('stream')).toBe(flag)
  })
})

describe('a proxied path', () => {
  it('is an inference route as the target would read it', () => {
    expect(isInference('POST', pathOf('/api/chat?x=1'))).toBe(true)
    expect(isInference('POST', pathOf('/api/%63hat'))).toBe(true)
    expect(isInference('GET', '/api/chat')).toBe(false)
    expect(isInference('POST', '/api/chat/')).toBe(false)
    expect(isInference('POST', '/v1/messages/count_tokens')).toBe(false)
  })

  it('has one of few names, whatever is asked for', () => {
    expect(
      ['/', '/api/tags', '/api/blobs/sha256:1', '/v1/models/m', '/v1/responses/r/cancel', '/api/x', '/v1/y', '/z'].map(
        routeOf,
      ),
    ).toEqual([
      '/',
      '/api/tags',
      '/api/blobs/:digest',
      '/v1/models/:model',
      '/v1/responses/:id',
      '/api/*',
      '/v1/*',
      '/*',
    ])
  })
})
