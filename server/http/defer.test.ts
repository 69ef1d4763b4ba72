// A call that becomes a job, from its arrival to its answer: the room its bytes take, how long it waits, and what of it is
// too large. The whole over foreman's own routes is in app.defer.test.ts.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { Bench } from '../queue/queue.harness.ts'
import { afterwards } from '../store/store.harness.ts'
import { systemClock } from '../clock.ts'
import { Body, largestBody } from './body.ts'
import { Line } from './byhand.ts'
import { Deferral } from './defer.ts'
import { look } from './looking.ts'
import { Memory } from './memory.ts'
import type { Api } from './trpc.ts'

const MB = 1 << 20
const path = '/api/chat'

/** A deferral behind a listening server, as a passage would hand it its calls. */
async function open({ room = 64 * MB, bodyMax = MB } = {}) {
  const bench = new Bench()
  const api = { queue: bench.queue, live: () => ({}) } as unknown as Api
  const internal: unknown[] = []
  const deferral = new Deferral({ api, bodyMax, onInternal: (error) => internal.push(error) })
  const memory = new Memory(room)
  const server = createServer((req, res) => {
    const body = new Body(memory)
    look(req, path, body, systemClock, {
      done: (_key, peek, upload) => {
        const letGo = () => {
          body.drop()
          upload?.destroy()
        }
        const call = { req, res, path, requestId: 'r', cors: undefined, body, peek, letGo }
        if (!deferral.take(call)) res.writeHead(299).end()
      },
      refuse: (why) => internal.push(why),
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  afterwards(() => {
    server.close()
    server.closeAllConnections()
  })
  const ask = (body: string, prefer = 'respond-async') => fetch(url, { method: 'POST', body, headers: { prefer } })
  return { bench, memory, url, ask, internal }
}

test('the room of its bytes is free again when it is stored, refused or failed', async () => {
  const { bench, memory, ask, internal } = await open()
  for (const [body, status] of [
    ['{"model":"m"}', 202],
    ['{"model":""}', 422],
    ['{"model', 400],
    [`{"model":"m","x":"${'x'.repeat(MB)}"}`, 413],
  ] as const)
    expect([(await ask(body)).status, memory.held]).toEqual([status, 0])
  bench.queue.submit = () => Promise.reject(new Error('secret'))
  const failed = await ask('{"model":"m"}')
  expect([failed.status, memory.held]).toEqual([500, 0])
  expect(await failed.text()).not.toContain('secret')
  expect(internal).toMatchObject([{ message: 'secret' }])
})

test('without room for its bytes it is to come again, and nothing is held for it', async () => {
  const { memory, ask } = await open({ room: 100_000 })
  const answer = await ask(`{"model":"m","x":"${'x'.repeat(200_000)}"}`)
  expect([answer.status, answer.headers.get('retry-after'), memory.held]).toEqual([503, '5', 0])
  expect((await ask('{"model":"m"}')).status).toBe(202)
})

test('beyond what one body may take of the memory it is too large, whatever BODY_MAX says', async () => {
  const { url } = await open({ room: 2 * largestBody, bodyMax: 2 * largestBody })
  const line = await Line.to(url)
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\nTransfer-Encoding: chunked\r\n\r\n'
  line.send(`${head}d\r\n{"model":"m",\r\n`)
  const piece = Buffer.alloc(MB, 0x20)
  for (let sent = 0; sent <= largestBody; sent += piece.length) {
    line.send(`${MB.toString(16)}\r\n`)
    line.socket.write(piece)
    line.socket.write('\r\n')
  }
  const answer = await line.until((text) => text.includes('\r\n\r\n'))
  expect(answer).toContain('HTTP/1.1 413 ')
  expect(answer).toContain(`limited to ${largestBody} bytes`)
})

test('it waits as long as it says, at most two minutes, for its own job', async () => {
  const { bench, ask } = await open()
  for (const [wait, seconds] of [
    [30, 30],
    [500, 120],
  ] as const) {
    const waiting = ask('{"model":"m"}', `respond-async, wait=${wait}`)
    let over = false
    void waiting.then(() => (over = true))
    while (bench.queue.vigil.size === 0) await new Promise(setImmediate)
    bench.clock.advance(seconds * 1000 - 1)
    await bench.job('done')
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    expect([over, bench.queue.vigil.size]).toEqual([false, 1])
    bench.clock.advance(1)
    const answer = await waiting
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, `respond-async, wait=${seconds}`])
  }
})

test('what does not ask for it is left alone', async () => {
  const { bench, ask, memory } = await open()
  for (const prefer of ['wait=10', 'respond-sync', '']) expect((await ask('{"model":"m"}', prefer)).status).toBe(299)
  expect([bench.queue.total('queued'), memory.held > 0]).toEqual([0, true])
})
