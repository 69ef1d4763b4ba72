import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../clock.ts'
import { replay, type Replay } from './recordings/replay.ts'
import { Wire } from './wire.ts'

// In a file of its own: the HTTP client starts its timer with its first connection, and it must start on the false clock.
const hour = 3_600_000
let server: Replay
const arrived = Promise.withResolvers<Socket>()

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  server = await replay({ 'POST /api/chat': (socket) => arrived.resolve(socket) })
})

afterAll(async () => {
  vi.useRealTimers()
  await server.close()
})

const turns = async () => {
  for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve))
}

test('an answer may be silent for an hour before its head and again within it', async () => {
  const wire = new Wire({ url: server.url, clock: systemClock })
  const read = async () => {
    const parts: string[] = []
    for await (const part of (await wire.send({ method: 'POST', path: '/api/chat', body: '{}' })).body) {
      parts.push(part.toString())
    }
    return parts.join('')
  }
  const ended = read().catch((error: unknown) => error)
  const socket = await arrived.promise
  vi.advanceTimersByTime(hour)
  await turns()
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n')
  await turns()
  vi.advanceTimersByTime(hour)
  await turns()
  socket.end('1\r\n}\r\n0\r\n\r\n')
  expect(await ended).toBe('{}')
})
