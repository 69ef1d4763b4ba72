// Bodies of inference requests that foreman keeps while they come: too slowly, or more of them than there is room for. Over
// real connections, before a target played by hand, with a room of 100 kB and a clock that only moves when it is told.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Scenery } from '../people/people.harness.ts'
import { People } from '../people/people.ts'
import { Active } from './active.ts'
import { Exchange, Line } from './byhand.ts'
import { Memory } from './memory.ts'
import { Passage } from './passage.ts'
import type { Served, Way } from './way.ts'

const minute = 60_000
const room = 100_000

/** Passages before a target played by hand. */
async function passages() {
  const clock = new VirtualClock()
  const target = await new Exchange().open()
  const dispatcher = new Pool(target.url)
  const people = new People({ clock, target: new Scenery(), patience: null, absentHold: 0, slowestLoad: () => 0 })
  const served: Served[] = []
  const way: Way = {
    dispatcher,
    prefix: '',
    targetToken: undefined,
    tokens: [],
    people,
    clock,
    memory: new Memory(room),
    active: new Active(),
    closing: false,
    defer: undefined,
    onServed: (one) => served.push(one),
    onIdle() {},
  }
  const server = createServer((req, res) => new Passage(way, req, res, 'r').start()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await target.close()
    await dispatcher.destroy()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  /** A request with a body of `length` bytes, of which `start` has come when it resolves. */
  const half = async (path: string, start: string, length: number, head = ''): Promise<Line> => {
    const line = await Line.to(url)
    const came = once(server, 'request') as Promise<[IncomingMessage]>
    line.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${head}Content-Length: ${length}\r\n\r\n`)
    const [req] = await came
    let left = start.length
    const there = new Promise<void>((resolve) =>
      req.on('data', (piece: Buffer) => {
        left -= piece.length
        if (left <= 0) resolve()
      }),
    )
    line.send(start)
    if (left > 0) await there
    return line
  }
  return { clock, target, memory: way.memory, people, served, half }
}

const chat = (size: number) => `{"model":"m","x":"${'x'.repeat(size - 20)}"}`
const prefer = 'Prefer: respond-async\r\n'

describe('a body that does not come', () => {
  test.each([
    ['/api/chat', prefer, '{"model":"m",', /\{"error":"foreman: the body comes too slowly"\}$/],
    ['/v1/messages', prefer, '', /"type":"error".*too slowly/],
    [
      '/v1/responses',
      '',
      '{"background":true,',
      /"message":"foreman: the body comes too slowly","type":"invalid_request/,
    ],
  ])('for a job is answered after a minute, and its connection closed: %s %s%s', async (path, head, start, words) => {
    const { clock, target, memory, served, half } = await passages()
    const line = await half(path, start, 1000, head)
    clock.advance(minute - 1)
    expect([line.text, memory.held]).toEqual(['', start.length])
    clock.advance(1)
    await line.closed()
    expect(line.text).toMatch(/^HTTP\/1\.1 408 [^]*X-Request-Id: r\r\nConnection: close/)
    expect(line.text).toMatch(words)
    expect([memory.held, target.count, served[0]?.outcome]).toEqual([0, 0, 'refused'])
  })

  test('for an answer at once may take its time, and goes on when it comes', async () => {
    const { clock, target, memory, half } = await passages()
    const body = chat(50_000)
    const line = await half('/api/chat', body.slice(0, 32_768), body.length, 'Prefer: wait=10\r\n')
    clock.advance(60 * minute)
    line.send(body.slice(32_768))
    const asked = await target.next()
    expect(await asked.until(/"\}$/)).toContain(body)
    asked.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await line.until(/ok$/)
    expect(memory.held).toBe(0)
  })

  test('for an answer at once makes room for one that does, and only then', async () => {
    const { clock, target, memory, half } = await passages()
    const idle = await half('/api/chat', '', 1000)
    const slow = await half('/api/chat', chat(49_152), 60_000)
    clock.advance(minute - 1)
    const fast = await half('/api/chat', chat(32_768), 60_000)
    clock.advance(50_000)
    expect([slow.text, memory.held]).toEqual(['', 49_152 + 32_768])
    const body = chat(49_152)
    await half('/api/generate', body, body.length)
    await slow.closed()
    expect(slow.text).toMatch(/^HTTP\/1\.1 408 [^]*Connection: close[^]*too slowly/)
    expect(await (await target.next()).until(/"\}$/)).toContain('POST /api/generate')
    expect([idle.text, fast.text, memory.held]).toEqual(['', '', 32_768])
  })

  test('keeps its room while it grows by itself, and is streamed when that ends', async () => {
    const { clock, target, memory, half } = await passages()
    const body = chat(120_000)
    const line = await half('/api/chat', body.slice(0, 16_384), body.length)
    clock.advance(2 * minute)
    line.send(body.slice(16_384))
    expect(await (await target.next()).until(/"\}$/)).toContain(body)
    expect([line.text, memory.held]).toEqual(['', 0])
  })
})

test('a body whose second piece finds no room goes on without a byte missing', async () => {
  const { target, memory, half } = await passages()
  await half('/api/chat', chat(65_536), 70_000)
  const body = chat(60_000)
  const line = await half('/api/chat', body.slice(0, 20_000), body.length)
  line.send(body.slice(20_000, 50_000))
  const asked = await target.next()
  await asked.until('x'.repeat(10_000))
  line.send(body.slice(50_000))
  expect(await asked.until(/"\}$/)).toContain(body)
  expect(memory.held).toBe(65_536)
})

describe('a background call that finds no room', () => {
  const full = async () => {
    const opened = await passages()
    await opened.half('/api/chat', chat(98_304), 100_000)
    return opened
  }
  const refusal =
    /^HTTP\/1\.1 503 [^]*Retry-After: 5\r\n[^]*"message":"foreman: too many requests[^]*"code":"queue_full"/

  test('is told to come again, and nothing of it passes', async () => {
    const { target, memory, half } = await full()
    const line = await half('/v1/responses', `{"background":true,"input":"${'x'.repeat(5_000)}`, 10_000)
    expect(await line.until(/\}\}$/)).toMatch(refusal)
    expect([memory.held, target.count]).toEqual([98_304, 0])
  })

  test('is told so wherever in its body that stands: the target never has the whole', async () => {
    const { target, people, served, half } = await full()
    const line = await half('/v1/responses', `{"input":"${'x'.repeat(5_000)}",`, 10_000)
    const asked = await target.next()
    await asked.until(/x",$/)
    expect(people.inFlight).toBe(1)
    line.send('"background":true,')
    expect(await line.until(/\}\}$/)).toMatch(refusal)
    await asked.closed()
    expect(asked.text).not.toContain('background')
    expect([people.inFlight, served[0]?.outcome]).toEqual([0, 'refused'])
  })

  test('is none if its body says so nowhere, and passes', async () => {
    const { target, half } = await full()
    const [start, end] = [`{"input":"${'x'.repeat(5_000)}",`, '"metadata":{"background":true},"background":false}']
    const line = await half('/v1/responses', start, start.length + end.length)
    line.send(end)
    expect(await (await target.next()).until(/false\}$/)).toContain(start + end)
  })

  test('and never finds any is told that it is too large', async () => {
    const { target, half } = await passages()
    const line = await half('/v1/responses', '{"model":"m",', 70_000_000)
    const asked = await target.next()
    line.send('"background":true,')
    expect(await line.until(/\}\}$/)).toMatch(/^HTTP\/1\.1 413 [^]*limited to 67108864 bytes/)
    await asked.closed()
    expect(asked.text).not.toContain('background')
  })
})
