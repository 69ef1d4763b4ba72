import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Line } from './byhand.ts'
import { Body, largestBody, Upload } from './body.ts'
import { Memory } from './memory.ts'

const MB = 1 << 20
const request = () => new PassThrough() as unknown as IncomingMessage

function bodyOf(memory: Memory, megabytes: number): Body {
  const body = new Body(memory)
  for (let i = 0; i < megabytes; i++) body.add(Buffer.alloc(MB))
  return body
}

test('what an upload starts with counts until it is handed on, piece by piece', () => {
  const memory = new Memory()
  const upload = new Upload(request(), bodyOf(memory, 8))
  expect(memory.held).toBe(8 * MB)
  expect(upload.read()).toHaveLength(MB)
  expect(memory.held).toBeGreaterThanOrEqual(5 * MB)
  while (upload.read());
  expect(memory.held).toBe(0)
})

test('an upload that nobody wants any more gives its room back, once', () => {
  const memory = new Memory()
  const body = bodyOf(memory, 4)
  const upload = new Upload(request(), body)
  upload.destroy()
  body.drop()
  expect(memory.held).toBe(0)
})

test('the piece that found no room is handed on as well, and does not count', () => {
  const memory = new Memory()
  const body = bodyOf(memory, largestBody / MB)
  expect(body.add(Buffer.alloc(MB))).toBe(false)
  expect(memory.held).toBe(largestBody)
  for (let i = 0; i <= largestBody / MB; i++) expect(body.shift()).toHaveLength(MB)
  expect([body.shift(), memory.held]).toEqual([undefined, 0])
})

test('there is no more room in all than there is', () => {
  const memory = new Memory(2 * MB)
  const [one, other] = [new Body(memory), new Body(memory)]
  expect([one.add(Buffer.alloc(2 * MB)), other.add(Buffer.alloc(1))]).toEqual([true, false])
  one.drop()
  expect(other.add(Buffer.alloc(1))).toBe(true)
})

test('those who come too slowly are ended for one who needs their room, as few as will do, and none in vain', () => {
  const memory = new Memory(10 * MB)
  const ended: string[] = []
  const slow = (name: string, megabytes: number) => {
    const body = bodyOf(memory, megabytes)
    body.slow(() => {
      ended.push(name)
      body.drop()
    })
  }
  bodyOf(memory, 6)
  slow('a', 1)
  slow('empty', 0)
  slow('b', 1)
  slow('c', 1)
  const needy = new Body(memory)
  expect([needy.add(Buffer.alloc(5 * MB)), ended, memory.held]).toEqual([false, [], 9 * MB])
  expect([new Body(memory).add(Buffer.alloc(3 * MB)), ended, memory.held]).toEqual([true, ['a', 'b'], 10 * MB])
})

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** A request whose body has begun, a million bytes of it in chunks of one. */
async function crumbs(): Promise<{ req: IncomingMessage; client: Line }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await Line.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  open.push(() => {
    client.socket.destroy()
    server.close()
  })
  client.send('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
  const [req] = (await once(server, 'request')) as [IncomingMessage]
  client.send(`${'1\r\nx\r\n'.repeat(MB)}0\r\n\r\n`)
  return { req, client }
}

test('an upload that nobody takes stops the connection after a quarter of a megabyte, and goes on when it is taken', async () => {
  const { req } = await crumbs()
  const upload = new Upload(req)
  upload.read(0)
  while (!req.socket.isPaused()) await turn()
  const came = req.socket.bytesRead
  // Node resumes the socket of a request that is read.
  for (let i = 0; i < 50; i++) await turn()
  expect(req.socket.bytesRead).toBe(came)
  expect(came).toBeLessThan(6 * 256 * 1024 + 200_000)
  let [pieces, bytes] = [0, 0]
  for await (const piece of upload) {
    if (bytes < 256 * 1024) pieces += 1
    bytes += (piece as Buffer).length
  }
  expect(bytes).toBe(MB)
  expect(pieces).toBeLessThan(20)
})

test('an upload that is given up while it has stopped the connection lets the rest come and drops it', async () => {
  const { req } = await crumbs()
  const upload = new Upload(req)
  upload.read(0)
  while (!req.socket.isPaused()) await turn()
  upload.destroy()
  await once(req, 'end')
})
