// Bodies of own routes while they arrive: all together have a bound, and who leaves gives room back. That each has to go
// on arriving is data-rate.test.ts.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { Line } from './byhand.ts'
import { openDoor, type Door } from './door.harness.ts'
import { Receiving } from './receiving.ts'
import { mountRest } from './rest.ts'
import { mountTrpc } from './trpc-mount.ts'

// Nothing here comes as far as the queue.
function door({ bodyMax = 1000 }: { bodyMax?: number } = {}): Promise<Door> {
  const mounted = { api: {} as never, receiving: new Receiving({ bodyMax }) }
  return openDoor({
    routes: (app) => {
      void app.register(async (scope) => mountRest(scope, mounted))
      void app.register(async (scope) => mountTrpc(scope, mounted))
    },
  })
}

const [rest, trpc] = ['/jobs', '/trpc/jobs.submit']

async function begun({ client }: Door, path: string, length: string, body: string): Promise<Line> {
  const line = await client()
  line.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${length}\r\n\r\n${body}`)
  return line
}

const half = (opened: Door, path: string) => begun(opened, path, 'Content-Length: 1000', `{"x":"${'x'.repeat(894)}`)

test.each([
  ['REST', rest, [rest, trpc, rest, trpc]],
  ['tRPC', trpc, [rest, trpc, trpc, rest]],
])(
  'over %s one more than there is room for is answered 503 with Retry-After, and room that is free again is given',
  async (_, path, before) => {
    const opened = await door()
    const lines = await Promise.all([...before, path].map((one) => half(opened, one)))
    const refused = await Promise.race(lines.map((line) => line.until(/queue_full/)))
    expect(refused).toMatch(/^HTTP\/1\.1 503 /)
    expect(refused).toMatch(/retry-after: 5/i)
    for (const line of lines) line.socket.destroy()
    await Promise.all(lines.map((line) => line.closed()))
    const later = await half(opened, path)
    later.send(`${'y'.repeat(98)}"}`)
    expect(await later.until(/urn:foreman/)).toMatch(/^HTTP\/1\.1 422 /)
  },
)

test.each([rest, trpc])('one at %s nested more than 1,000 deep is answered 400', async (path) => {
  const opened = await door({ bodyMax: 10_000 })
  for (const [depth, said] of [
    [999, /HTTP\/1\.1 422 /],
    [1000, /HTTP\/1\.1 400 [^]*nested too deeply at byte/],
  ] as const) {
    const body = `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`
    const line = await begun(opened, path, `Content-Length: ${body.length}`, body)
    expect(await line.until(/urn:foreman/)).toMatch(said)
  }
})

test.each([rest, trpc])('one at %s that is packed for the way is answered 501, as one that passes is', async (path) => {
  const opened = await door()
  const line = await begun(opened, path, 'Transfer-Encoding: gzip, chunked', '2\r\n{}\r\n0\r\n\r\n')
  expect(await line.until(/urn:foreman/)).toMatch(/^HTTP\/1\.1 501 [^]*no transfer coding but chunked is carried/)
})

test.each([rest, trpc])('one at %s whose caller leaves gives its room back', async (path) => {
  const opened = await door()
  for (let i = 0; i < 20; i++) {
    const line = await half(opened, path)
    line.socket.end()
    await line.closed()
  }
  const whole = await begun(opened, path, 'Content-Length: 2', '{}')
  expect(await whole.until(/urn:foreman/)).toMatch(/^HTTP\/1\.1 422 /)
})

test('one that has come whole is read whole, however late its reader is', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const line = await Line.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  line.send(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`)
  const [raw] = (await once(server, 'request')) as [IncomingMessage]
  const request = { raw, headers: raw.headers, body: raw }
  const size = await new Receiving({ bodyMax: 1 }).read(request, 200_000, async (stream) => {
    stream.read(0)
    await once(raw, 'close')
    let bytes = 0
    for await (const piece of stream) bytes += (piece as Buffer).length
    return bytes
  })
  expect(size).toBe(100_000)
  line.socket.destroy()
  server.close()
})
