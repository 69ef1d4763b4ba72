// What passes through passes unchanged: targets, header lines, bodies and every recorded answer of a real Ollama.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { chunksOf, taken, type Line } from './byhand.ts'
import { openDoor, type Door } from './door.harness.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const ownConnection = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host'])
const through = (lines: [string, string][]) => lines.filter(([name]) => !ownConnection.has(name.toLowerCase()))

/** One exchange: what is sent arrives as `seen`, and the target's `answer` as `got`. */
async function exchange(door: Door, request: string, answer = ok): Promise<{ seen: Buffer; got: Buffer }> {
  const client = await door.client()
  client.send(request)
  const target = await door.target.next()
  const wanted = taken(Buffer.from(request, 'latin1')).body.length
  await target.until((text) => text.includes('\r\n\r\n') && text.length - text.indexOf('\r\n\r\n') - 4 >= wanted)
  // Each exchange on a connection of its own.
  target.send(answer.replace('\r\n', '\r\nConnection: close\r\n'))
  await client.until(/\r\n\r\n/)
  client.socket.end()
  await client.closed()
  return { seen: target.bytes, got: client.bytes }
}

describe('a request on its way to the target', () => {
  it('keeps its path and query to the byte', async () => {
    const door = await openDoor()
    for (const path of [
      '/',
      '//api/tags',
      '/api//tags',
      '/api/tags/',
      '/api/tags?b=2&a=1&a=&c',
      '/api/tags?q=%zz&x=%20+a?b#c',
      '/api/%74ags',
      '/api/blobs/sha256:0123',
      '/v1/models/hf.co%2Fuser%2Fm:q4',
      '/a;b=c?ts=1',
      '/api/tags?',
      '/api/nope',
      '/Jobs',
      '//jobs',
      '/jobsx',
    ]) {
      const { seen } = await exchange(door, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      expect(taken(seen).start).toBe(`GET ${path} HTTP/1.1`)
    }
  })

  it('has the path prefix of the target before it, and no way out of that', async () => {
    const door = await openDoor({ prefix: '/ollama/' })
    const { seen } = await exchange(door, 'GET /api/tags?x=%2F HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(taken(seen).start).toBe('GET /ollama/api/tags?x=%2F HTTP/1.1')
    for (const path of ['/../x', '/api/%2e%2e/%2e%2e/x', '/api/..%2f..%2fx', '/api\\..\\..\\x', '/%zz']) {
      const client = await door.client()
      client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      expect(await client.until('"}')).toMatch(/^HTTP\/1\.1 400 [^]*\{"error":"foreman: /)
    }
    expect(door.target.count).toBe(1)
  })

  it('is asked for by path when a client takes foreman for its forward proxy', async () => {
    const door = await openDoor()
    const { seen } = await exchange(door, 'GET http://localhost/api/tags?a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(taken(seen).start).toBe('GET /api/tags?a HTTP/1.1')
  })

  it('keeps header lines in case, order and number, but those of the connection, the credentials and the origin', async () => {
    const door = await openDoor()
    const { seen } = await exchange(
      door,
      [
        'GET /api/tags HTTP/1.1',
        'Host: localhost:1',
        'X-b: 1',
        'USER-agent: ollama-python/0.6 (\xe9)',
        'Cookie: a=1',
        'x-B: 2',
        'Connection: keep-alive, X-Mine, Upgrade, HTTP2-Settings',
        'x-mine: gone',
        'Keep-Alive: timeout=5',
        'TE: trailers',
        'Trailer: X-Late',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
        'Proxy-Authorization: Basic eDp5',
        'Proxy-Connection: keep-alive',
        'Expect: 100-continue',
        'Origin: http://localhost:3000',
        'Authorization: Bearer ollama',
        'x-api-key: ollama',
        'X-Forwarded-For: 10.0.0.1',
        'X-Request-Id: abc',
        'Empty:',
        '',
        '',
      ].join('\r\n'),
    )
    expect(taken(seen).lines).toEqual([
      ['host', door.target.url.slice(7)],
      ['connection', 'keep-alive'],
      ['X-b', '1'],
      ['USER-agent', 'ollama-python/0.6 (\xe9)'],
      ['Cookie', 'a=1'],
      ['x-B', '2'],
      ['X-Forwarded-For', '10.0.0.1'],
      ['X-Request-Id', 'abc'],
      ['Empty', ''],
    ])
  })

  it('carries the token of the target in the place of any Authorization, a foreign scheme only without one', async () => {
    const lines = 'Host: localhost\r\nAuthorization: ssh-key:signature\r\n'
    const plain = await exchange(await openDoor(), `GET /api/me HTTP/1.1\r\n${lines}\r\n`)
    expect(through(taken(plain.seen).lines)).toEqual([['Authorization', 'ssh-key:signature']])
    const given = await exchange(await openDoor({ targetToken: 'inner' }), `GET /api/me HTTP/1.1\r\n${lines}\r\n`)
    expect(through(taken(given.seen).lines)).toEqual([['Authorization', 'Bearer inner']])
  })

  it('keeps its body whatever it says it is', async () => {
    const door = await openDoor()
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'no type;;;', '']) {
      for (const path of ['/api/show', '/api/chat', '/api/unknown']) {
        const body = '{"model":\x00 not json \xff'
        const line = type === '' ? '' : `Content-Type: ${type}\r\n`
        const { seen } = await exchange(
          door,
          `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${line}Content-Length: ${body.length}\r\n\r\n${body}`,
        )
        expect(taken(seen).body.toString('latin1')).toBe(body)
        expect(through(taken(seen).lines).slice(0, -1)).toEqual(type === '' ? [] : [['Content-Type', type]])
      }
    }
  })

  it('keeps the body of a DELETE, and an answer 204 with nothing after it', async () => {
    const door = await openDoor()
    const request = 'DELETE /api/delete HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n{"model":"a"}'
    const { seen, got } = await exchange(door, request, 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n')
    expect(taken(seen).body.toString()).toBe('{"model":"a"}')
    expect(taken(got).start).toBe('HTTP/1.1 204 No Content')
    expect(taken(got).body.length).toBe(0)
  })

  it('keeps its body though it is a GET', async () => {
    const door = await openDoor()
    const { seen } = await exchange(door, 'GET /api/tags HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody')
    expect(taken(seen).body.toString()).toBe('body')
  })

  it('reaches the target with any method', async () => {
    const door = await openDoor()
    for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'REPORT', 'TRACE', 'M-SEARCH', 'QUERY']) {
      const answer =
        'HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 22\r\n\r\n405 method not allowed'
      const { seen, got } = await exchange(door, `${method} /api/chat HTTP/1.1\r\nHost: localhost\r\n\r\n`, answer)
      expect(taken(seen).start).toBe(`${method} /api/chat HTTP/1.1`)
      expect(taken(got).start).toBe('HTTP/1.1 405 Method Not Allowed')
      expect(through(taken(got).lines)[0]).toEqual(['Allow', 'POST'])
    }
  })

  it('is sent once, whatever the answer', async () => {
    const door = await openDoor()
    const busy = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy'
    const { got } = await exchange(door, 'GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n', busy)
    expect(got.toString('latin1')).toContain('busy')
    expect(door.target.count).toBe(1)
  })

  it('gets its 100 Continue from foreman, and the target never hears of it', async () => {
    const door = await openDoor()
    const client = await door.client()
    client.send('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('{}')
    const target = await door.target.next()
    expect(await target.until('{}')).not.toMatch(/expect/i)
    target.send(ok)
    await client.until('200 OK')
  })
})

describe('an answer on its way to the client', () => {
  it('keeps status, reason, header lines and body; only those of the connection are its own, and no Date is added', async () => {
    const door = await openDoor()
    const answer = [
      'HTTP/1.1 299 Odd But True',
      'x-a: 1',
      'Set-Cookie: a=1',
      'X-A: \xe9',
      'set-cookie: b=2',
      'Connection: close, X-Hop',
      'X-Hop: gone',
      'Keep-Alive: timeout=1',
      'Proxy-Authenticate: Basic',
      'Content-Length: 3',
      'Access-Control-Allow-Origin: *',
      'x-empty:',
      '',
      'abc',
    ].join('\r\n')
    const { got } = await exchange(door, 'GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n', answer)
    const { start, lines, body } = taken(got)
    expect(start).toBe('HTTP/1.1 299 Odd But True')
    expect(lines).toEqual([
      ['x-a', '1'],
      ['Set-Cookie', 'a=1'],
      ['X-A', '\xe9'],
      ['set-cookie', 'b=2'],
      ['Content-Length', '3'],
      ['Access-Control-Allow-Origin', '*'],
      ['x-empty', ''],
      ['Connection', 'keep-alive'],
      ['Keep-Alive', 'timeout=120'],
    ])
    expect(body.toString()).toBe('abc')
  })

  it('starts at once: the head before any of the body, and nothing of interim answers', async () => {
    const door = await openDoor()
    const client = await door.client()
    client.send('GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const target = await door.target.next()
    await target.until('\r\n\r\n')
    target.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
    target.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\n/)
  })

  it('comes without trailers, whose names are gone from the head', async () => {
    const door = await openDoor()
    const answer =
      'HTTP/1.1 200 OK\r\nTrailer: X-Late\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Late: 1\r\n\r\n'
    const client = await door.client()
    client.send('GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const target = await door.target.next()
    await target.until('\r\n\r\n')
    target.send(answer)
    expect(await client.until('0\r\n\r\n')).not.toMatch(/late/i)
  })

  it('is HTML when the target says HTML', async () => {
    const door = await openDoor()
    const html = '<html><body>502 Bad Gateway</body></html>'
    const answer = `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: ${html.length}\r\n\r\n${html}`
    const { got } = await exchange(
      door,
      'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}',
      answer,
    )
    expect(taken(got).start).toBe('HTTP/1.1 502 Bad Gateway')
    expect(taken(got).body.toString()).toBe(html)
  })

  it('ends with the connection for a client that knows no chunks', async () => {
    const door = await openDoor()
    const client = await door.client()
    client.send('GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n')
    const target = await door.target.next()
    await target.until('\r\n\r\n')
    target.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    await client.closed()
    expect([client.error, taken(client.bytes).body.toString()]).toEqual([undefined, 'abc'])
  })
})

interface Recording {
  request: { method: string; path: string; headers: Record<string, string>; body: string | { base64: string } }
  response: {
    status: number | null
    headers: [string, string][]
    chunks: { text?: string; base64?: string }[]
    end: string
  }
}

const folder = new URL('../ollama/recordings/', import.meta.url)
const recordings = readdirSync(folder).filter((name) => name.endsWith('.json'))

/** Plays the target's part of a recording and says how the client's part went, each piece waited for by itself. */
async function replay(door: Door, client: Line, { request, response }: Recording): Promise<Buffer[]> {
  const sent = typeof request.body === 'string' ? Buffer.from(request.body) : Buffer.from(request.body.base64, 'base64')
  // Some requests were shortened after recording; preflights and origins are foreman's own (server.test.ts).
  const headers = Object.entries(request.headers).filter(
    ([name]) => !/^(content-length|transfer-encoding|origin|host)$/i.test(name),
  )
  const lines = [...headers, ['Host', 'localhost'], ['Content-Length', String(sent.length)]]
  client.send(
    `${request.method} ${request.path} HTTP/1.1\r\n${lines.map((line) => line.join(': ')).join('\r\n')}\r\n\r\n`,
  )
  client.send(sent)
  const target = await door.target.next()
  await target.until((text) => text.includes('\r\n\r\n') && text.endsWith(sent.toString('latin1')))
  if (response.status === null) {
    target.socket.resetAndDestroy()
    return []
  }
  const head = response.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const chunked = response.headers.some(([name]) => name.toLowerCase() === 'transfer-encoding')
  const pieces = response.chunks.map((c) =>
    c.base64 === undefined ? Buffer.from(c.text!) : Buffer.from(c.base64, 'base64'),
  )
  target.send(`HTTP/1.1 ${response.status} Some Reason\r\n${head}Connection: close\r\n\r\n`)
  await client.until('\r\n\r\n')
  for (const [i, piece] of pieces.entries()) {
    const framed = [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]
    target.send(chunked ? Buffer.concat(framed) : piece)
    const size = pieces.slice(0, i + 1).reduce((sum, one) => sum + one.length, 0)
    await client.until(() => arrived(client, chunked).reduce((sum, one) => sum + one.length, 0) >= size)
  }
  if (response.end === 'clean' && chunked) target.send('0\r\n\r\n')
  if (response.end !== 'clean') target.socket.destroy()
  return pieces
}

function arrived(client: Line, chunked: boolean): Buffer[] {
  const { body } = taken(client.bytes)
  return chunked ? chunksOf(body).chunks : [body]
}

describe('what a real Ollama answered', () => {
  it(`arrives as it was recorded, piece by piece, clean ends and broken ones (${recordings.length} recordings)`, async () => {
    expect(recordings.length).toBeGreaterThan(200)
    const door = await openDoor()
    for (const name of recordings) {
      const recording = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Recording
      const { request, response } = recording
      if (request.method === 'OPTIONS') continue
      const client = await door.client()
      const pieces = await replay(door, client, recording)
      if (response.status === null) {
        expect(await client.until('\r\n\r\n'), name).toMatch(/^HTTP\/1\.1 503 /)
        continue
      }
      const chunked = response.headers.some(([line]) => line.toLowerCase() === 'transfer-encoding')
      const clean = response.end === 'clean'
      if (clean && chunked) await client.until('0\r\n\r\n')
      if (!clean) await client.closed()
      const { start, lines, body } = taken(client.bytes)
      expect(start, name).toBe(`HTTP/1.1 ${response.status} Some Reason`)
      expect(through(lines), name).toEqual(through(response.headers))
      if (chunked) {
        expect(chunksOf(body).ended, name).toBe(clean)
        expect(chunksOf(body).chunks.map(String), name).toEqual(pieces.map(String))
      } else expect(body.equals(Buffer.concat(pieces)), name).toBe(true)
      client.socket.destroy()
    }
  })
})
