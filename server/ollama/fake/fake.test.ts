import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startFake, type Fake, type FakeOptions } from './fake.ts'

let fake: Fake
afterEach(() => fake.close())

const start = async (options: FakeOptions = {}) => {
  fake = await startFake({ models: ['a', 'b'], ...options })
}
const send = (body: object, path = '/api/generate', signal?: AbortSignal) =>
  fetch(fake.url + path, { method: 'POST', body: JSON.stringify({ model: 'a', prompt: 'hi', ...body }), signal })
const lines = async (body: object) => {
  const answer = await send(body)
  return (await answer.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
const text = async (body: object) =>
  ((await (await send({ stream: false, ...body })).json()) as { response: string }).response

/** Some turns of the event loop: enough for what is on the loopback to arrive. */
const turns = async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('what it says', () => {
  test('the same request has the same answer, another prompt, seed or model another', async () => {
    await start()
    const said = await text({})
    expect(said.trim().split(' ')).toHaveLength(8)
    expect(await text({})).toBe(said)
    for (const other of [{ prompt: 'ho' }, { options: { seed: 1 } }, { model: 'b' }])
      expect(await text(other)).not.toBe(said)
  })

  test('num_predict decides the length and shows in done_reason', async () => {
    await start()
    const cut = await lines({ options: { num_predict: 3 } })
    expect(cut.map(({ done }) => done)).toEqual([false, false, false, true])
    expect(cut.at(-1)).toMatchObject({ done_reason: 'length', eval_count: 3 })
    expect((await lines({})).at(-1)).toMatchObject({ done_reason: 'stop', eval_count: 8 })
  })

  test('a schema is followed', async () => {
    await start()
    const properties = {
      colour: { type: 'string', enum: ['red', 'blue'] },
      count: { type: 'integer' },
      fine: { type: 'boolean' },
      names: { type: 'array', items: { type: 'string' } },
    }
    const answer = JSON.parse(await text({ format: { type: 'object', properties } })) as Record<string, unknown>
    expect(['red', 'blue']).toContain(answer.colour)
    expect(answer).toEqual({
      colour: answer.colour,
      count: expect.any(Number),
      fine: expect.any(Boolean),
      names: [expect.any(String), expect.any(String)],
    })
  })

  test('a test can put words into its mouth', async () => {
    await start({ reply: ({ model, text: said }) => `${model} heard: ${said}` })
    expect(await text({ prompt: 'hello there' })).toBe('a:latest heard: hello there')
  })
})

describe('faults', () => {
  test('a runner that dies takes all its answers with it, stays listed, and is loaded anew by the next request', async () => {
    await start({ parallel: 2 })
    fake.fault({ do: 'hang', after: 2 })
    const silent = lines({ prompt: 'one' })
    await fake.until(() => fake.ledger.running === 1)
    fake.fault({ do: 'crash', after: 1 })
    const error = 'an error was encountered while running the model: unexpected EOF'
    expect((await lines({ prompt: 'two' })).at(-1)).toEqual({ error })
    expect((await silent).at(-1)).toEqual({ error })
    expect(fake.resident()).toEqual(['a:latest'])
    expect((await send({})).status).toBe(200)
    expect(fake.loads).toBe(2)
  })

  test('crash() kills an idle runner without anybody noticing', async () => {
    await start()
    await text({})
    fake.crash('a')
    expect(fake.resident()).toEqual(['a:latest'])
    expect(await text({})).not.toBe('')
    expect(fake.loads).toBe(2)
  })

  test('silence lasts until the client leaves, who gives the slot back', async () => {
    await start()
    fake.fault({ do: 'hang', after: 1 })
    const client = new AbortController()
    const answer = await send({}, '/api/generate', client.signal)
    const next = text({ prompt: 'next' })
    await fake.until(() => fake.inFlight === 2)
    client.abort()
    await expect(answer.text()).rejects.toThrow()
    expect(await next).not.toBe('')
    expect(fake.ledger.aborted).toBe(1)
    expect(fake.ledger.running).toBe(0)
  })

  test('a slot that is lost is nobody’s until the runner goes, which it does as soon as nobody waits for it', async () => {
    await start()
    fake.fault({ do: 'lose', after: 1 })
    const client = new AbortController()
    const answer = await send({}, '/api/generate', client.signal)
    client.abort()
    await expect(answer.text()).rejects.toThrow()
    const vain = new AbortController()
    const waiting = send({}, '/api/generate', vain.signal)
    await fake.until(() => fake.ledger.aborted === 1 && fake.inFlight === 1)
    await turns()
    expect(fake.inFlight).toBe(1)
    await send({ keep_alive: 0, prompt: undefined })
    expect(fake.resident()).toEqual(['a:latest'])
    vain.abort()
    await expect(waiting).rejects.toThrow()
    await fake.until(() => fake.resident().length === 0)
    expect(await text({})).not.toBe('')
  })

  test('silence can end by a promise', async () => {
    await start()
    const gate = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', until: gate.promise })
    const answer = text({})
    await fake.until(() => fake.ledger.running === 1)
    gate.resolve()
    expect(await answer).not.toBe('')
  })

  test('half-closing the connection cancels', async () => {
    await start()
    fake.fault({ do: 'hang' })
    const socket = connect(fake.port, '127.0.0.1')
    const body = JSON.stringify({ model: 'a', prompt: 'hi' })
    socket.end(`POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await fake.until(() => fake.ledger.aborted === 1)
  })

  test('faults strike in order, so many times, and only whom they are meant for', async () => {
    await start()
    fake.fault({ do: 'busy', times: 2 })
    fake.fault({ do: 'html', status: 502 })
    fake.fault({ do: 'refuse', status: 418, text: 'no ps', when: ({ path }) => path === '/api/ps' })
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push((await send({})).status)
    expect(statuses).toEqual([503, 503, 502, 200])
    const ps = await fetch(`${fake.url}/api/ps`)
    expect([ps.status, await ps.json()]).toEqual([418, { error: 'no ps' }])
    const remove = fake.fault({ do: 'busy' })
    remove()
    expect((await send({})).status).toBe(200)
  })

  test('faults of generations leave loads alone, and loads fail by their own', async () => {
    await start()
    fake.fault({ do: 'busy' })
    expect((await send({ prompt: '' })).status).toBe(200)
    fake.fault({ do: 'fail_load', text: 'cudaMalloc failed: out of memory' })
    const failed = await send({ model: 'b', prompt: '' })
    expect([failed.status, await failed.json()]).toEqual([500, { error: 'cudaMalloc failed: out of memory' }])
    expect([fake.loads, fake.ledger.failedLoads]).toEqual([1, 1])
  })

  test('a fault meant for later than the answer is long strikes before its end', async () => {
    await start({ tokens: 2 })
    fake.fault({ do: 'eof', after: 10 })
    expect((await lines({})).map(({ done }) => done)).toEqual([false, false])
  })
})

describe('asleep and away', () => {
  test('asleep it accepts and says nothing; awake it goes on where it was', async () => {
    const gate = Promise.withResolvers<void>()
    await start({ promptMs: gate.promise })
    const streaming = lines({})
    await fake.until(() => fake.ledger.running === 1)
    fake.sleep()
    gate.resolve()
    let answered = false
    const version = fetch(`${fake.url}/api/version`).then((answer) => {
      answered = true
      return answer.json()
    })
    await fake.until(() => fake.requests.at(-1)?.path === '/api/version')
    await turns()
    expect(answered).toBe(false)
    fake.wake()
    expect(await version).toEqual({ version: '0.33.0' })
    expect((await streaming).at(-1)).toMatchObject({ done: true })
  })

  test('who hung up while it slept is noticed after the wake', async () => {
    await start()
    fake.fault({ do: 'hang' })
    const socket = connect(fake.port, '127.0.0.1')
    socket.write(
      'POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 27\r\n\r\n{"model":"a","prompt":"hi"}',
    )
    await fake.until(() => fake.ledger.running === 1)
    fake.sleep()
    socket.destroy()
    await once(socket, 'close')
    await turns()
    expect(fake.inFlight).toBe(1)
    fake.wake()
    await fake.until(() => fake.ledger.aborted === 1)
  })

  test('away it refuses connections, and comes back on its port with nothing loaded', async () => {
    await start()
    await text({})
    fake.fault({ do: 'hang' })
    const cut = send({})
    await fake.until(() => fake.ledger.running === 1)
    const { url } = fake
    await fake.refuse()
    await expect(cut).rejects.toThrow()
    await expect(fetch(`${url}/api/version`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await fake.listen()
    expect(fake.url).toBe(url)
    expect(fake.resident()).toEqual([])
    expect(await text({})).not.toBe('')
  })

  test('it starts on a port of one’s choice, again and again', async () => {
    await start()
    const { port } = fake
    await fake.close()
    await start({ port })
    expect((await fetch(`${fake.url}/api/version`)).status).toBe(200)
  })
})

describe('models that come and go', () => {
  const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const upload = (bytes: Buffer) =>
    fetch(`${fake.url}/api/blobs/${digestOf(bytes)}`, { method: 'POST', body: new Uint8Array(bytes) })

  test('an uploaded file becomes a model', async () => {
    await start()
    const bytes = Buffer.from('weights')
    expect((await upload(bytes)).status).toBe(201)
    const create = { model: 'made', files: { 'x.gguf': digestOf(bytes) }, parameters: { num_ctx: 1024 } }
    const made = await send(create, '/api/create')
    expect((await made.text()).trim().split('\n').at(-1)).toBe('{"status":"success"}')
    expect(await text({ model: 'made' })).not.toBe('')
    const show = (await (await send({ model: 'made' }, '/api/show')).json()) as {
      modelfile: string
      parameters: string
    }
    expect(show.modelfile).toContain(`FROM /models/blobs/${digestOf(bytes).replace(':', '-')}`)
    expect(show.parameters).toBe('num_ctx                        1024')
  })

  test('a large blob that is there already is answered before it was sent, and the connection closed', async () => {
    await start()
    const bytes = Buffer.alloc(64 * 1024 * 1024)
    const digest = digestOf(bytes)
    fake.addBlob(digest)
    const request = httpRequest(`${fake.url}/api/blobs/${digest}`, {
      method: 'POST',
      headers: { 'Content-Length': bytes.length },
    })
    request.on('error', () => {})
    request.write(bytes.subarray(0, 1024 * 1024))
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect([answer.statusCode, answer.headers.connection]).toEqual([200, 'close'])
    request.destroy()
    expect((await upload(Buffer.from('small'))).status).toBe(201)
  })

  test('a pull brings what the registry has, a delete takes it away', async () => {
    await start({ registry: [{ name: 'new:1b' }] })
    const pulled = await (await send({ model: 'new:1b' }, '/api/pull')).text()
    expect(pulled.trim().split('\n').at(-1)).toBe('{"status":"success"}')
    expect(await text({ model: 'new:1b' })).not.toBe('')
    await fetch(`${fake.url}/api/delete`, { method: 'DELETE', body: JSON.stringify({ name: 'new:1b' }) })
    expect((await send({ model: 'new:1b' })).status).toBe(404)
  })

  test('a broken pull ends in the middle of a chunk', async () => {
    await start({ registry: ['new'] })
    fake.fault({ do: 'kill', after: 2, when: ({ path }) => path === '/api/pull' })
    const answer = await send({ model: 'new' }, '/api/pull')
    await expect(answer.text()).rejects.toThrow()
    expect(fake.requests.at(-1)?.outcome).toBe('cut')
  })
})

test('it keeps what it was asked', async () => {
  await start()
  await send({ prompt: 'kept' }, '/api/generate?x=1')
  const [seen] = fake.requests
  expect(seen).toMatchObject({
    method: 'POST',
    path: '/api/generate',
    url: '/api/generate?x=1',
    purpose: 'work',
    model: 'a',
  })
  expect(seen?.body.toString()).toContain('"kept"')
  expect(fake.ledger.byPath).toEqual({ '/api/generate': 1 })
})
