// What happens when either side leaves, is slow, silent or strange: on raw sockets, by events, never by sleeping.
import { describe, expect, it } from 'vitest'
import { chunksOf, taken, type Line } from './byhand.ts'
import { VirtualClock } from '../clock.ts'
import { Scenery } from '../people/people.harness.ts'
import { People } from '../people/people.ts'
import { openDoor, type Door } from './door.harness.ts'

const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const get = 'GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n'
const chat = (model = 'm', more = '') => {
  const body = `{"model":"${model}"${more}}`
  return `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
const upload = (length: number) =>
  `POST /api/blobs/sha256:0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`
const head = (text: string) => text.includes('\r\n\r\n')

/** Sends until `most` or until the other end has taken nothing for a while; how much was sent. */
async function fill(line: Line, piece: Buffer, most: number): Promise<number> {
  let sent = 0
  while (sent < most) {
    const room = line.socket.write(piece)
    sent += piece.length
    if (room) continue
    const drained = await Promise.race([
      new Promise<boolean>((resolve) => line.socket.once('drain', () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(resolve, 300, false)),
    ])
    if (!drained) break
  }
  return sent
}

/** Sends `size` bytes, waiting for the other end as long as that takes. */
async function pour(line: Line, piece: Buffer, size: number): Promise<void> {
  for (let sent = 0; sent < size; sent += piece.length) {
    if (!line.socket.write(piece)) await new Promise((resolve) => line.socket.once('drain', resolve))
  }
}

/** Waits until this many bytes more have come, none of which are kept. */
async function swallow(line: Line, wanted: number): Promise<void> {
  let size = 0
  await new Promise<void>((resolve) => {
    line.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size >= wanted) resolve()
    })
    line.socket.resume()
  })
}

/** What the first requests came to, once they have. */
async function served(door: Door, count: number) {
  while (door.served.length < count) await new Promise(setImmediate)
  return door.served
}

async function begun(door: Door, request: string, options?: { allowHalfOpen?: boolean }) {
  const client = await door.client(options)
  client.send(request)
  const target = await door.target.next()
  await target.until(head)
  return { client, target }
}

describe('a client that leaves ends its request at the target', () => {
  for (const [name, request] of [
    ['a GET', get],
    ['an inference request', chat()],
  ] as const) {
    it(`before the head of the answer to ${name}`, async () => {
      const door = await openDoor()
      const { client, target } = await begun(door, request)
      client.socket.destroy()
      await target.closed()
      expect(door.people.inFlight).toBe(0)
      expect(await served(door, 1)).toMatchObject([{ status: 499, outcome: 'left' }])
    })
  }

  it('in the middle of a stream', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat())
    target.send(`${chunkedHead}1\r\na\r\n`)
    await client.until('a\r\n')
    client.socket.destroy()
    await target.closed()
    expect(await served(door, 1)).toMatchObject([{ status: 200, outcome: 'left' }])
  })

  it('in the middle of a stream, by closing only its own half', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat(), { allowHalfOpen: true })
    target.send(`${chunkedHead}1\r\na\r\n`)
    await client.until('a\r\n')
    client.socket.end()
    await target.closed()
  })

  it('during an upload', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, upload(1_000_000) + 'x'.repeat(1_000))
    await target.until('xxx')
    client.socket.destroy()
    await target.closed()
  })

  it('while it does not read what comes', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, get)
    client.socket.pause()
    target.send(chunkedHead)
    await fill(target, Buffer.from(`10000\r\n${'y'.repeat(0x10000)}\r\n`), 64e6)
    client.socket.resetAndDestroy()
    await target.closed()
  })

  it('while its body is being read: the target never hears of it', async () => {
    const door = await openDoor()
    const client = await door.client()
    client.send('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"model":')
    const other = await begun(door, get)
    client.socket.destroy()
    expect(await served(door, 1)).toMatchObject([{ status: 499, outcome: 'left', overheadMs: undefined }])
    expect(door.target.count).toBe(1)
    expect(other.target.closedAt).toBeUndefined()
  })
})

describe('a target that leaves', () => {
  it('in the middle of an answer: what came arrives, then the connection is cut, not ended cleanly', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat())
    target.send(`${chunkedHead}3\r\nabc\r\n`)
    target.socket.end()
    await client.closed()
    expect(chunksOf(taken(client.bytes).body)).toEqual({ chunks: [Buffer.from('abc')], ended: false })
    expect(await served(door, 1)).toMatchObject([{ status: 200, outcome: 'cut' }])
    expect(door.people.inFlight).toBe(0)
  })

  it('in the middle of a chunk or of a declared length: the same', async () => {
    for (const answer of [`${chunkedHead}ff\r\nabc`, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc']) {
      const door = await openDoor()
      const { client, target } = await begun(door, get)
      target.send(answer)
      await client.until('abc')
      target.socket.resetAndDestroy()
      await client.closed()
      expect(client.text).toMatch(/abc(\r\n)?$/)
    }
  })

  it('in the middle of an answer to a client of HTTP/1.0: reset, since an end would look clean', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n')
    target.send(`${chunkedHead}3\r\nabc\r\n`)
    await client.until('abc')
    target.socket.destroy()
    await client.closed()
    expect(client.error?.code).toBe('ECONNRESET')
  })

  it('before it answered: 503 in the shape of the route, once, with Retry-After, and the connection goes on', async () => {
    const shapes: [string, unknown][] = [
      ['/api/chat', { error: expect.stringMatching(/^foreman: .*broke.*UND_ERR_SOCKET/) }],
      ['/v1/chat/completions', { error: { type: 'api_error', param: null, code: 'target_unreachable' } }],
      ['/v1/messages', { type: 'error', error: { type: 'overloaded_error' } }],
      ['/', { error: expect.stringContaining('foreman: ') }],
    ]
    for (const [path, shape] of shapes) {
      const door = await openDoor()
      const { client, target } = await begun(door, get.replace('/api/version', path))
      target.socket.end()
      const { start, lines, body } = taken(Buffer.from(await client.until(/\}$/)))
      expect(start).toBe('HTTP/1.1 503 Service Unavailable')
      expect(JSON.parse(body.toString())).toMatchObject(shape as object)
      expect(Object.fromEntries(lines)).toMatchObject({
        'Content-Type': 'application/json; charset=utf-8',
        'Retry-After': '5',
        Connection: 'keep-alive',
      })
      expect(door.target.count).toBe(1)
      client.clear()
      client.send(get)
      const next = await door.target.next()
      await next.until(head)
      next.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await client.until('ok')
    }
  })

  it('was never there: 503 at once, for 300 requests at once, and an upload is read to its end', async () => {
    const door = await openDoor()
    await door.target.close()
    const clients = await Promise.all(Array.from({ length: 300 }, () => door.client()))
    for (const client of clients) client.send(chat())
    for (const client of clients) {
      expect(await client.until(/\}$/)).toMatch(/^HTTP\/1\.1 503 [^]*cannot be reached \(ECONNREFUSED\)/)
    }
    expect(door.people.inFlight).toBe(0)
    const [client] = clients
    client!.clear()
    client!.send(upload(1_000_000))
    await client!.until('503')
    await pour(client!, Buffer.alloc(100_000, 'x'), 1_000_000)
    client!.clear()
    client!.send(get)
    await client!.until('503')
  })

  it('speaks something else than HTTP: 503', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, get)
    target.send('SSH-2.0-OpenSSH_9.2\r\n')
    expect(await client.until(/\}$/)).toMatch(/^HTTP\/1\.1 503 [^]*broke before it answered/)
  })
})

describe('an answer before the end of the upload', () => {
  it('reaches the client though the target closes, and the rest of the upload is read and dropped', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, upload(2_000_000) + 'x'.repeat(10))
    target.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
    target.socket.destroySoon()
    expect(taken(Buffer.from(await client.until(/ok$/))).start).toBe('HTTP/1.1 200 OK')
    await pour(client, Buffer.alloc(199_999, 'x'), 1_999_990)
    client.clear()
    client.send(get)
    const next = await door.target.next()
    await next.until(head)
    next.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext')
    expect(await client.until(/next$/)).toMatch(/^HTTP\/1\.1 200 OK/)
  })
})

describe('back-pressure', () => {
  it('pauses the target while the client does not read, and loses nothing', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, get)
    client.socket.pause()
    target.send(chunkedHead)
    const piece = Buffer.from(`10000\r\n${'y'.repeat(0x10000)}\r\n`)
    const sent = await fill(target, piece, 200e6)
    expect(sent).toBeLessThan(100e6)
    target.send('0\r\n\r\n')
    let tail = ''
    await new Promise<void>((resolve) => {
      client.socket.on('data', (chunk: Buffer) => {
        tail = (tail + chunk.subarray(-5).toString('latin1')).slice(-5)
        if (tail === '0\r\n\r\n') resolve()
      })
      client.socket.resume()
    })
    const { chunks, ended } = chunksOf(taken(client.bytes).body)
    expect([chunks.reduce((sum, one) => sum + one.length, 0), ended]).toEqual([(sent / piece.length) * 0x10000, true])
  })

  it('counts a client no longer that has taken nothing for thirty seconds, and does not cut it', async () => {
    const clock = new VirtualClock()
    const slowestLoad = () => 0
    const people = new People({ clock, target: new Scenery(), patience: 10_000, absentHold: 0, slowestLoad })
    const door = await openDoor({ people })
    const { client, target } = await begun(door, chat())
    client.socket.pause()
    target.send(chunkedHead)
    await fill(target, Buffer.from(`10000\r\n${'y'.repeat(0x10000)}\r\n`), 200e6)
    clock.advance(29_999)
    expect(people.inFlight).toBe(1)
    clock.advance(1)
    expect(people.inFlight).toBe(0)
    target.send('0\r\n\r\n')
    client.socket.removeAllListeners('data').on('data', () => {})
    client.socket.resume()
    expect(await served(door, 1)).toMatchObject([{ status: 200, outcome: 'answered' }])
    expect(people.inFlight).toBe(0)
  })

  it('pauses an upload while the target does not read', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, `${upload(200e6)}x`)
    target.socket.pause()
    expect(await fill(client, Buffer.alloc(0x10000), 200e6)).toBeLessThan(100e6)
    await swallow(target, 1e6)
  })

  it('holds little of an upload of 64 MB, chunked or not, and all of it arrives', async () => {
    for (const request of [
      upload(64e6),
      'POST /api/create HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
    ]) {
      const door = await openDoor()
      const client = await door.client()
      client.send(request)
      const target = await door.target.next()
      const arrived = swallow(target, 63.9e6)
      const chunked = request.includes('chunked')
      const piece = Buffer.alloc(100_000, 'x')
      const before = process.memoryUsage().rss
      let peak = before
      const framed = chunked ? Buffer.concat([Buffer.from('186a0\r\n'), piece, Buffer.from('\r\n')]) : piece
      for (let i = 0; i < 640; i++) {
        await pour(client, framed, framed.length)
        peak = Math.max(peak, process.memoryUsage().rss)
      }
      if (chunked) client.send('0\r\n\r\n')
      await arrived
      target.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await client.until('ok')
      // Client, target and foreman are all in this process.
      expect(peak - before).toBeLessThan(120e6)
    }
  })
})

describe('connections', () => {
  it('are as many as there are requests: 200 wait, and one more is answered', async () => {
    const door = await openDoor()
    const waiting = await Promise.all(Array.from({ length: 200 }, () => begun(door, chat())))
    expect([door.target.count, door.people.inFlight]).toEqual([200, 200])
    const { client, target } = await begun(door, get)
    target.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
    for (const one of waiting) one.client.socket.destroy()
    await Promise.all(waiting.map((one) => one.target.closed()))
    expect(door.people.inFlight).toBe(0)
  })

  it('that are pipelined: the second request is neither counted nor forwarded before the first answer has ended', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat('first') + chat('second'))
    expect(target.text).toContain('first')
    target.send(`${chunkedHead}1\r\na\r\n`)
    await client.until('a\r\n')
    expect(door.people.crowds.map(({ key }) => key)).toEqual(['first:latest'])
    expect([door.target.count, target.text.includes('second')]).toEqual([1, false])
    target.clear()
    target.send('0\r\n\r\n')
    const second = await Promise.race([target.until('second').then(() => target), door.target.next()])
    await second.until('second')
    second.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo')
    expect(await client.until(/two$/)).toMatch(/0\r\n\r\nHTTP\/1\.1 200 OK/)
    expect((await served(door, 2)).map(({ outcome }) => outcome)).toEqual(['answered', 'answered'])
  })

  it('that are pipelined without end: the connection is ended, and what was under way at the target with it', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat('first'))
    client.send(get.repeat(101))
    await Promise.all([client.closed(), target.closed()])
    expect(door.target.count).toBe(1)
  })

  it('that are pipelined and left: neither goes on, the second was never seen', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, get + chat() + get)
    client.socket.destroy()
    await target.closed()
    expect([door.server.active, door.target.count]).toEqual([0, 1])
    expect((await served(door, 3)).map(({ status }) => status)).toEqual([499, 499, 499])
  })

  it('that ask for a WebSocket are told no in the shape of the route, and end', async () => {
    const door = await openDoor()
    const client = await door.client()
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n'
    client.send(`GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\n`)
    expect(await client.until(/\}$/)).toMatch(/^HTTP\/1\.1 501 [^]*"type":"api_error"/)
    await client.closed()
    expect(door.target.count).toBe(0)
  })

  it('that ask for HTTP/2 in clear text, as Java does, are served as they are, and end with the answer', async () => {
    const door = await openDoor()
    const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
    const { client, target } = await begun(door, chat().replace('\r\n\r\n', `\r\n${h2c}\r\n`))
    expect(target.text).not.toMatch(/h2c|http2/i)
    target.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await client.until(/ok$/)).toMatch(/\r\nConnection: close\r\n/)
    await client.closed()
  })

  it('that turn to garbage in the middle of an answer are cut, and nothing is written into the answer', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, get)
    target.send(`${chunkedHead}1\r\na\r\n`)
    await client.until('a\r\n')
    client.send('\x00\x01garbage\r\n\r\n')
    await client.closed()
    expect(client.text).toMatch(/a\r\n$/)
    await target.closed()
  })
})

describe('an inference request', () => {
  it('is counted under its key until its answer has ended', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat('Llama3', ',"options":{"num_ctx":8192,"seed":1},"shift":false'))
    expect(door.people.crowds).toMatchObject([{ key: 'llama3:latest num_ctx=8192 shift=false', flight: 1 }])
    target.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
    expect(door.people.inFlight).toBe(0)
    expect(await served(door, 1)).toMatchObject([
      { route: '/api/chat', method: 'POST', status: 200, outcome: 'answered' },
    ])
  })

  it('is forwarded and counted when it cannot be read: packed, no JSON, without a model, longer than there is room', async () => {
    const door = await openDoor()
    const packed =
      'POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\n\r\n\x28\xb5'
    const broken = 'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"model":'
    const long = 'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000000\r\n\r\n{"model":"a"'
    for (const request of [packed, broken, long]) {
      const { target } = await begun(door, request)
      await target.until((text) => text.endsWith(request.slice(-2)))
    }
    expect([door.people.inFlight, door.people.crowds]).toEqual([3, []])
  })

  it('longer than is held goes on as a stream, from its first byte', async () => {
    const door = await openDoor()
    const client = await door.client()
    client.send('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    const piece = Buffer.alloc(1_000_000, 'x')
    const framed = Buffer.concat([Buffer.from('f4240\r\n'), piece, Buffer.from('\r\n')])
    // The target is asked before the end has come.
    await pour(client, framed, 68 * framed.length)
    const target = await door.target.next()
    const arrived = swallow(target, 80e6 - 1e6)
    await pour(client, framed, 12 * framed.length)
    client.send('0\r\n\r\n')
    await arrived
    target.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until('ok')
  })
})

describe('a server that stops', () => {
  it('lets an answer end within the grace, and refuses new requests meanwhile', async () => {
    const door = await openDoor()
    const { client, target } = await begun(door, chat())
    target.send(chunkedHead)
    await client.until(head)
    const closed = door.server.close(10_000)
    client.send(get)
    target.send('1\r\na\r\n0\r\n\r\n')
    expect(await client.until(/\}$/)).toMatch(/0\r\n\r\nHTTP\/1\.1 503 [^]*Retry-After[^]*foreman is stopping/)
    await closed
  })

  it('after the grace tells those without an answer, and cuts those with half of one', async () => {
    const door = await openDoor()
    const silent = await begun(door, chat())
    const half = await begun(door, chat())
    half.target.send(`${chunkedHead}1\r\na\r\n`)
    await half.client.until('a\r\n')
    await door.server.close(20)
    expect(silent.client.text).toMatch(/^HTTP\/1\.1 503 [^]*foreman is stopping/)
    expect(half.client.text).toMatch(/a\r\n$/)
    await Promise.all([silent, half].map(({ target }) => target.closed()))
    expect(door.people.inFlight).toBe(0)
  })
})
