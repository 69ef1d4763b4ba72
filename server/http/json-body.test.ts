import * as fc from 'fast-check'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { readJson, readVerbatim, type JsonBodyOptions } from './json-body.ts'

const MB = 1 << 20
const submit = ['request', 'body']
const batch = ['jobs', '*', 'request', 'body']

const read = (text: string | Buffer[], options: Partial<JsonBodyOptions> = {}) =>
  readJson(Readable.from(Array.isArray(text) ? text : [Buffer.from(text)]), { limit: 64 * MB, ...options })
const joined = (text: readonly Buffer[] | undefined) => (text ? Buffer.concat(text).toString() : undefined)
const refusal = async (text: string | Buffer[], options?: Partial<JsonBodyOptions>) => {
  const error: unknown = await read(text, options).catch((error: unknown) => error)
  return error as { code: string; status?: number; message: string }
}

describe('a body without verbatim values', () => {
  test('is parsed', async () => {
    const { value, verbatim, text } = await read('{"a":[1,"ü",null],"b":{"c":1.5e3}}')
    expect(value).toEqual({ a: [1, 'ü', null], b: { c: 1500 } })
    expect(verbatim.size).toBe(0)
    expect(joined(text())).toBe('{"a":[1,"ü",null],"b":{"c":1.5e3}}')
  })

  test('may be empty: that is an empty object', async () => {
    expect((await read('')).value).toEqual({})
    expect(joined((await read([])).text())).toBe('{}')
  })

  test('may be any JSON, which is for the schema to refuse', async () => {
    for (const text of ['[]', '7', '"x"', 'null', ' true ']) expect((await read(text)).value).toEqual(JSON.parse(text))
  })
})

describe('what is no JSON', () => {
  test.each([
    ['{', 1],
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['[1,]', 3],
    ['01', 1],
    ['{"a":1} x', 8],
    ['   ', 3],
    ['{"a":"\n"}', 6],
    ['{"a":NaN}', 5],
    ['\ufeff{}', 0],
  ])('%j is a 400 that says where: at byte %i', async (text, offset) => {
    const { code, status, message } = await refusal(text)
    expect([code, status]).toEqual(['invalid_request', 400])
    expect(message).toMatch(/^not JSON: .+ at byte \d+$/)
    expect(message).toContain(`at byte ${offset}`)
  })

  test('inside a verbatim value is found as well, though that is never parsed', async () => {
    const { status, message } = await refusal('{"request":{"body":{"model":"m","x":[1 2]}}}', { verbatim: submit })
    expect([status, message]).toEqual([400, expect.stringContaining('at byte 39')])
  })

  test('is bytes that are no UTF-8', async () => {
    expect(await refusal([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])).toMatchObject({
      code: 'invalid_request',
      status: 400,
    })
  })

  test('is what is nested a thousand times', async () => {
    expect((await refusal('['.repeat(1001) + ']'.repeat(1001))).status).toBe(400)
  })

  test('says nothing of what stood there', async () => {
    expect((await refusal('{"prompt": "secret", secret}')).message).not.toContain('secret')
  })
})

describe('a verbatim value', () => {
  const body =
    '{ "model" : "m", "seed":12345678901234567890, "t":1.0, "messages":[{"content":"\\u00e9"}], "seed2":1e400 }'

  test('is kept to the byte, under its pointer', async () => {
    const { verbatim } = await read(`{"request":{"endpoint":"/api/chat","body":${body}}}`, { verbatim: submit })
    expect([...verbatim.keys()]).toEqual(['/request/body'])
    expect(joined(verbatim.get('/request/body'))).toBe(body)
  })

  test('is stood in for by the members that are looked at, everything around it is parsed', async () => {
    const looked = '"options":{"num_ctx":1},"shift":false,"format":"json","response_format":{"type":"text"},"text":null'
    const { value } = await read(
      `{"labels":{"a":"b"},"request":{"body":{"model":"m","prompt":"long","images":["…"],${looked}},"endpoint":"/api/chat"}}`,
      { verbatim: submit },
    )
    expect(value).toEqual({
      labels: { a: 'b' },
      request: {
        body: {
          model: 'm',
          options: { num_ctx: 1 },
          shift: false,
          format: 'json',
          response_format: { type: 'text' },
          text: null,
        },
        endpoint: '/api/chat',
      },
    })
  })

  test.each([
    ['[1,2]', []],
    ['"x"', '…'],
    ['7', 0],
    ['true', true],
    ['null', null],
  ])('that is %s is stood in for by a value of its kind', async (text, value) => {
    expect((await read(`{"request":{"body":${text}}}`, { verbatim: submit })).value).toEqual({
      request: { body: value },
    })
  })

  test.each([
    ['{"Model":"a"}', { model: 'a' }],
    ['{"model":"a","MODEL":"b"}', { model: 'b' }],
    ['{"Model":"a","model":"b","Option\u017f":{"num_ctx":1}}', { model: 'b', options: { num_ctx: 1 } }],
  ])('has its members read in any case, the last one counting, as the target does: %s', async (text, members) => {
    const { value, verbatim } = await read(`{"request":{"body":${text}}}`, { verbatim: submit })
    expect(value).toEqual({ request: { body: members } })
    expect(joined(verbatim.get('/request/body'))).toBe(text)
  })

  test('is looked for under the exact names around it', async () => {
    const { verbatim } = await read('{"Request":{"body":{}},"request":{"Body":{}}}', { verbatim: submit })
    expect(verbatim.size).toBe(0)
  })

  test('that is not there stands for nothing', async () => {
    const { value, verbatim } = await read('{"request":{}}', { verbatim: submit })
    expect([value, verbatim.size]).toEqual([{ request: {} }, 0])
  })

  test('has large members stood in for by a value of their kind', async () => {
    const schema = JSON.stringify({ type: 'object', properties: { x: 'y'.repeat(70_000) } })
    const { value } = await read(`{"request":{"body":{"model":"${'m'.repeat(70_000)}","format":${schema}}}}`, {
      verbatim: submit,
    })
    expect(value).toEqual({ request: { body: { model: '…', format: {} } } })
  })

  test('that comes twice is the last one, as a parser has it', async () => {
    const { value, verbatim } = await read(
      '{"request":{"body":{"model":"a"},"body":{"model":"b","model":"c","x":1}},"request":{"body":{"model":"d"}}}',
      { verbatim: submit },
    )
    expect(value).toEqual({ request: { body: { model: 'd' } } })
    expect([...verbatim].map(([pointer, text]) => [pointer, joined(text)])).toEqual([
      ['/request/body', '{"model":"d"}'],
    ])
  })

  test('is found under a key that is escaped', async () => {
    const { verbatim } = await read(String.raw`{"r\u0065quest":{"bod\u0079":{"model":"m"}}}`, { verbatim: submit })
    expect(joined(verbatim.get('/request/body'))).toBe('{"model":"m"}')
  })

  test('is not confused with its like elsewhere', async () => {
    const { value, verbatim } = await read(
      '{"x":{"request":{"body":{"prompt":"p"}}},"request":{"body":{"model":"m"}}}',
      {
        verbatim: submit,
      },
    )
    expect(value).toEqual({ x: { request: { body: { prompt: 'p' } } }, request: { body: { model: 'm' } } })
    expect(verbatim.size).toBe(1)
  })
})

describe('a batch', () => {
  test('has one verbatim value a job, and each job’s own text', async () => {
    const jobs = ['{"request":{"body":{"model":"a","n":1.0}}}', ' {"labels":{},"request":{"body":{"model":"b"}}} ']
    const { value, verbatim, text } = await read(`{"jobs":[${jobs.join(',')}]}`, { verbatim: batch })
    expect(value).toEqual({
      jobs: [{ request: { body: { model: 'a' } } }, { labels: {}, request: { body: { model: 'b' } } }],
    })
    expect([...verbatim].map(([pointer, bytes]) => [pointer, joined(bytes)])).toEqual([
      ['/jobs/0/request/body', '{"model":"a","n":1.0}'],
      ['/jobs/1/request/body', '{"model":"b"}'],
    ])
    expect(joined(text('/jobs/0'))).toBe(jobs[0])
    expect(joined(text('/jobs/1'))).toBe(jobs[1]?.trim())
  })

  test('of 1,000 jobs with prompts of 20 kB is read whole: prompts are not what is limited', async () => {
    const job = JSON.stringify({
      request: { body: { model: 'm', prompt: 'x'.repeat(20_000), options: { num_ctx: 1 } } },
    })
    const { value, verbatim } = await read(`{"jobs":[${Array<string>(1000).fill(job).join(',')}]}`, { verbatim: batch })
    expect(verbatim.size).toBe(1000)
    expect((value as { jobs: unknown[] }).jobs[999]).toEqual({
      request: { body: { model: 'm', options: { num_ctx: 1 } } },
    })
  })
})

describe('cut anywhere', () => {
  test('it is read the same', async () => {
    const text = Buffer.from(
      '{"labels":{"é":"ü"},"request":{"endpoint":"/api/chat","body":{"model":"m","n":12345678901234567890,"options":{"a":[1]}}}}',
    )
    const whole = await read([text], { verbatim: submit })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length]
        const parts = at.slice(1).map((end, i) => text.subarray(at[i], end))
        const { value, verbatim, text: own } = await read(parts, { verbatim: submit })
        expect(value).toEqual(whole.value)
        expect(joined(verbatim.get('/request/body'))).toBe(joined(whole.verbatim.get('/request/body')))
        expect(joined(own())).toBe(text.toString())
      }),
    )
  })
})

describe('limits', () => {
  test('a body may have so many bytes and not one more', async () => {
    expect((await read('{"a":"12345"}', { limit: 13 })).value).toEqual({ a: '12345' })
    expect(await refusal('{"a":"12345"}', { limit: 12 })).toMatchObject({ code: 'too_large' })
  })

  test('is found as it grows; what comes after is dropped, not kept', async () => {
    const stream = Readable.from(Array.from({ length: 16 }, () => Buffer.alloc(MB, ' ')))
    const ended = once(stream, 'end')
    await expect(readJson(stream, { limit: 3 * MB })).rejects.toMatchObject({ code: 'too_large' })
    await ended
  })

  test('everything around verbatim values has a limit of its own, before any of it is parsed', async () => {
    const label = `{"labels":{"a":"${'x'.repeat(5 * MB)}"},"request":{"body":{"model":"m"}}}`
    const after = `{"request":{"body":{"model":"m"}},"labels":{"a":"${'x'.repeat(5 * MB)}"}}`
    for (const text of [label, after])
      expect(await refusal(text, { verbatim: submit })).toMatchObject({
        code: 'too_large',
        message: /but request bodies/,
      })
  })

  test('of members looked at over all jobs as well', async () => {
    const job = JSON.stringify({ request: { body: { model: 'm', format: 'x'.repeat(60_000) } } })
    const text = `{"jobs":[${Array<string>(100).fill(job).join(',')}]}`
    expect(await refusal(text, { verbatim: batch })).toMatchObject({ code: 'too_large' })
  })

  test('a batch beyond all reason has too many members', async () => {
    const text = `{"jobs":[${Array<string>(30_000).fill('{"request":{"body":{}}}').join(',')}]}`
    expect(await refusal(text, { verbatim: batch })).toMatchObject({ code: 'too_large', message: /too many members/ })
  })
})

describe('30 MB of numbers', () => {
  test('cost no digit and no stall: it rests between slices, and parses none of them', async () => {
    const numbers = `[${'0.10000000000000001,'.repeat((30 * MB) / 20)}12345678901234567890]`
    const chunks: Buffer[] = []
    const whole = Buffer.from(`{"request":{"endpoint":"/api/embed","body":{"model":"m","input":${numbers}}}}`)
    for (let at = 0; at < whole.length; at += 65_536) chunks.push(whole.subarray(at, at + 65_536))
    // A clock that is late at every look makes each look a rest, however fast or busy the machine is.
    let now = 0
    const looks = vi.spyOn(performance, 'now').mockImplementation(() => (now += 100))
    const parsed = vi.spyOn(JSON, 'parse')
    let turns = 0
    let turning: NodeJS.Immediate
    const turn = () => {
      turns += 1
      turning = setImmediate(turn)
    }
    turn()
    const { value, verbatim } = await read(chunks, { verbatim: submit })
    clearImmediate(turning!)
    const longest = Math.max(...parsed.mock.calls.map(([text]) => text.length))
    looks.mockRestore()
    parsed.mockRestore()
    expect(turns).toBeGreaterThanOrEqual(30 * 16 - 1)
    expect(longest).toBeLessThan(1000)
    expect(value).toEqual({ request: { endpoint: '/api/embed', body: { model: 'm' } } })
    const kept = joined(verbatim.get('/request/body'))
    expect(kept === `{"model":"m","input":${numbers}}`).toBe(true)
  })
})

test('a batch of many jobs is put together with turns of the event loop between its jobs', async () => {
  const job = '{"request":{"endpoint":"/api/chat","body":{"model":"m","options":{"seed":1}}}}'
  const text = `{"jobs":[${Array<string>(2_000).fill(job).join(',')}]}`
  let now = 0
  const looks = vi.spyOn(performance, 'now').mockImplementation(() => (now += 100))
  let turns = 0
  let turning = setImmediate(function turn() {
    turns += 1
    turning = setImmediate(turn)
  })
  const { verbatim } = await read(text, { verbatim: batch })
  clearImmediate(turning)
  looks.mockRestore()
  expect(turns).toBeGreaterThanOrEqual(2_000)
  expect(verbatim.size).toBe(2_000)
})

describe('over a connection', () => {
  const open: (() => void)[] = []
  afterEach(() => {
    for (const close of open.splice(0)) close()
  })

  /** Posts over one kept connection to a server that answers the code, and tells which socket it came by. */
  async function poster(limit: number) {
    const sockets: unknown[] = []
    const server = createServer((req, res) => {
      sockets.push(req.socket)
      readJson(req, { limit }).then(
        () => res.end('read'),
        (error: { code: string }) => {
          if (error.code === 'too_large') res.setHeader('Connection', 'close')
          res.end(error.code)
        },
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    open.push(() => {
      agent.destroy()
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const post = async (pieces: Iterable<Buffer>) => {
      const req = request({ host: '127.0.0.1', port, method: 'POST', agent })
      const answered = once(req, 'response')
      Readable.from(pieces).pipe(req)
      const [response] = (await answered) as [Readable]
      let said = ''
      for await (const chunk of response) said += String(chunk)
      return said
    }
    return { post, sockets }
  }

  const spaces = (count: number) => Array.from({ length: count }, () => Buffer.alloc(MB / 2, ' '))

  test('a refusal is answered while the rest still comes, and the next request has the same connection', async () => {
    const { post, sockets } = await poster(64 * MB)
    expect(await post([Buffer.from('{x'), ...spaces(8)])).toBe('invalid_request')
    expect(await post([Buffer.from('{}')])).toBe('read')
    expect(new Set(sockets).size).toBe(1)
  })

  test('a body that is too large is answered before it has ended', async () => {
    const { post } = await poster(2 * MB)
    expect(await post([Buffer.from('{'), ...spaces(16), Buffer.from('}')])).toBe('too_large')
  })

  test('a caller who leaves in the middle ends the reading', async () => {
    let ended: Promise<unknown> | undefined
    const server = createServer((req) => {
      ended = readJson(req, { limit: MB }).catch((error: unknown) => error)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    open.push(() => server.close())
    const { port } = server.address() as AddressInfo
    const req = request({ host: '127.0.0.1', port, method: 'POST' })
    req.on('error', () => undefined)
    req.write('{"a":')
    await once(server, 'request')
    req.destroy()
    expect(await ended).toBeInstanceOf(Error)
  })
})

describe('a text that is verbatim as a whole', () => {
  const whole = (text: string, limit = MB) => readVerbatim(Readable.from([...text].map((c) => Buffer.from(c))), limit)

  test('is kept without the space around it, and known by the members that are looked at', async () => {
    const { skeleton, text } = await whole(' {"a":[1.0],"Model" : "m","OPTIONS":{"seed":1e400},"model":"n"}\n')
    expect(joined(text)).toBe('{"a":[1.0],"Model" : "m","OPTIONS":{"seed":1e400},"model":"n"}')
    expect(skeleton).toEqual({ model: 'n', options: { seed: Infinity } })
  })

  test('may be any JSON but nothing, which is a 400; beyond the limit it is too large', async () => {
    for (const text of ['[1]', '7', '"x"', 'null']) expect(joined((await whole(text)).text)).toBe(text)
    for (const text of ['', '{"model":', '{} {}'])
      await expect(whole(text)).rejects.toMatchObject({ code: 'invalid_request', status: 400 })
    await expect(whole('{"a":1}', 6)).rejects.toMatchObject({ code: 'too_large' })
  })

  test('has large members stood for by one of their kind', async () => {
    const { skeleton } = await whole(`{"format":{"a":"${'x'.repeat(70_000)}"},"model":"${'m'.repeat(70_000)}"}`)
    expect(skeleton).toEqual({ format: {}, model: '…' })
  })
})
