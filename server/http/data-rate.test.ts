// Bodies that come too slowly, over real connections and a clock that only moves when it is told.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Line } from './byhand.ts'
import { keepRate } from './data-rate.ts'
import { openDoor, type Door } from './door.harness.ts'
import { Receiving } from './receiving.ts'
import { mountRest } from './rest.ts'
import { mountTrpc } from './trpc-mount.ts'

/** A request whose body is watched, and how often it was called late. */
async function watched(head = 'Content-Length: 10000000') {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const line = await Line.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  line.send(`POST / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`)
  const [req] = (await once(server, 'request')) as [IncomingMessage]
  const clock = new VirtualClock()
  const seen = { late: 0, came: 0 }
  keepRate(req, clock, () => seen.late++)
  req.on('data', (piece: Buffer) => (seen.came += piece.length))
  /** So many bytes more, which have come when it resolves. */
  const come = async (bytes: number) => {
    const wanted = seen.came + bytes
    line.send('x'.repeat(bytes))
    while (seen.came < wanted) await once(req, 'data')
  }
  return { req, line, clock, seen, come }
}

describe('a body', () => {
  it('of which nothing comes is late after a minute, once', async () => {
    const { clock, seen } = await watched()
    clock.advance(59_999)
    expect(seen.late).toBe(0)
    clock.advance(1)
    expect(seen.late).toBe(1)
    clock.advance(3_600_000)
    expect(seen.late).toBe(1)
  })

  it('earns a second with each KiB, and a minute at most', async () => {
    const { clock, seen, come } = await watched()
    await come(5 * 1024)
    clock.advance(60_000 + 4_999)
    expect(seen.late).toBe(0)
    await come(1024 * 1024)
    clock.advance(1 + 59_999)
    expect(seen.late).toBe(0)
    clock.advance(1)
    expect(seen.late).toBe(1)
  })

  it('that comes by a byte now and then earns nothing', async () => {
    const { clock, seen, come } = await watched()
    for (let second = 0; second < 60; second += 5) {
      await come(1)
      clock.advance(5_000)
    }
    expect(seen.late).toBe(1)
  })

  it('that goes on at a KiB a second takes as long as it takes', async () => {
    const { clock, seen, come } = await watched()
    for (let minute = 0; minute < 60; minute++) {
      await come(60 * 1024)
      clock.advance(60_000)
    }
    expect(seen.late).toBe(0)
  })

  it.each([['Content-Length: 4'], ['Transfer-Encoding: chunked']])(
    'that is there (%s) is never late, however late its reader is',
    async (head) => {
      const { req, line, clock, seen } = await watched(head)
      req.pause()
      line.send(head.endsWith('4') ? 'body' : '4\r\nbody\r\n0\r\n\r\n')
      while (!req.complete) await setImmediate()
      clock.advance(3_600_000)
      expect(seen.late).toBe(0)
    },
  )

  it('that is none is never late', async () => {
    const { clock, seen } = await watched('Content-Length: 0')
    clock.advance(3_600_000)
    expect(seen.late).toBe(0)
  })
})

/** Half a request before a door with this clock; resolves when the door has it. */
async function half(door: Door, start: string, body = 'half of it'): Promise<[Line, ServerResponse]> {
  const line = await door.client()
  const came = once(door.server.app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
  line.send(`${start}\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n${body}`)
  return [line, (await came)[1]]
}

function door(clock: VirtualClock): Promise<Door> {
  // Nothing here comes as far as the queue.
  const mounted = { api: {} as never, receiving: new Receiving({ bodyMax: 1000 }) }
  return openDoor({
    clock,
    routes: (app) => {
      void app.register(async (scope) => mountRest(scope, mounted))
      void app.register(async (scope) => mountTrpc(scope, mounted))
    },
  })
}

describe('at the door', () => {
  it.each(['/jobs', '/trpc/jobs.submit'])(
    'a body for %s that does not come is answered, and its connection closed',
    async (path) => {
      const clock = new VirtualClock()
      const [line] = await half(await door(clock), `POST ${path} HTTP/1.1`, '{"request": ')
      clock.advance(60_000)
      expect(await line.until(/too slowly/)).toMatch(/^HTTP\/1\.1 408 [^]*connection: close/i)
      await line.closed()
    },
  )

  it('what is left of a body when its answer is out has a minute as well', async () => {
    const clock = new VirtualClock()
    const [line, res] = await half(await door(clock), 'POST /jobs/job_1/nothing HTTP/1.1')
    if (!res.writableFinished) await once(res, 'finish')
    await line.until(/HTTP\/1\.1 404 /)
    clock.advance(60_000)
    await line.closed()
  })

  it('so it has on proxied routes, where a body that the target wants takes its time', async () => {
    const clock = new VirtualClock()
    const opened = await door(clock)
    const [line, res] = await half(opened, 'POST /api/show HTTP/1.1')
    const target = await opened.target.next()
    await target.until('half of it')
    clock.advance(3_600_000)
    const finished = once(res, 'finish')
    target.send('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone')
    await finished
    clock.advance(60_000)
    await line.closed()
    expect(line.text).toMatch(/none$/)
  })

  it('a body that is expected to be something else than sent is refused, and its connection closed', async () => {
    const line = await (await door(new VirtualClock())).client()
    line.send('POST /jobs HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\nContent-Length: 100\r\n\r\n')
    await line.closed()
    expect(line.text).toMatch(/^HTTP\/1\.1 417 /)
  })
})
