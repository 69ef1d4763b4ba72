import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Line } from './byhand.ts'
import { halt, proceed } from './halt.ts'

test('a halted connection is not read, even if Node was about to, until it proceeds', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await Line.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n')
  const [req] = (await once(server, 'request')) as [IncomingMessage]
  client.send(Buffer.alloc(9_000_000))
  req.socket.pause()
  req.socket.resume()
  halt(req.socket)
  for (let i = 0; i < 50; i++) await turn()
  expect(req.socket.bytesRead).toBeLessThan(100_000)
  req.resume()
  for (let i = 0; i < 50; i++) await turn()
  const came = req.socket.bytesRead
  for (let i = 0; i < 50; i++) await turn()
  expect(req.socket.bytesRead).toBe(came)
  expect(came).toBeLessThan(1_000_000)
  proceed(req.socket)
  await once(req, 'end')
  client.socket.destroy()
  server.close()
})
