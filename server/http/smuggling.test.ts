// Requests as no client of good will writes them, byte by byte: what becomes of each, and of the request behind it on
// the same connection. No request for an own route may reach the target as another, none may become two, and no token
// may get there. `leaked` is in every place where it could; the target must never see it.
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { chunksOf, taken, type Line } from './byhand.ts'
import { openDoor, type Door } from './door.harness.ts'

const token = 'leaked'
const auth = `Authorization: Bearer ${token}\r\n`
const mine = `Host: localhost\r\n${auth}`

const get = (target: string) => `GET ${target} HTTP/1.1\r\n${mine}\r\n`
const tagsWith = (lines: string) => `GET /api/tags HTTP/1.1\r\n${mine}${lines}\r\n\r\n`
const post = (lines: string, body: string) => `POST /api/show HTTP/1.1\r\n${mine}${lines}\r\n\r\n${body}`
const chunked = (body: string) => post('Transfer-Encoding: chunked', body)
const fields = (count: number) => 'X: y\r\n'.repeat(count).trimEnd()

/** The request behind each of them. */
const last = `GET /last HTTP/1.1\r\n${mine}Connection: close\r\n\r\n`

function routes(app: FastifyInstance): void {
  for (const url of ['/jobs', '/jobs/:id']) app.route({ method: ['GET', 'POST'], url, handler: () => 'own' })
}

/** A whole request as the target got it: method, target and body; undefined if it is none, or more than one. */
function whole(bytes: Buffer): string | undefined {
  if (!bytes.includes('\r\n\r\n')) return undefined
  const { start, lines, body } = taken(bytes)
  const value = (wanted: string) => lines.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const told = (content: Buffer) => `${start.replace(/ HTTP\/1\.1$/, '')} ${content.toString('latin1')}`.trimEnd()
  if (value('transfer-encoding') !== 'chunked')
    return body.length === Number(value('content-length') ?? 0) ? told(body) : undefined
  const { chunks, ended } = chunksOf(body)
  return ended ? told(Buffer.concat(chunks)) : undefined
}

/** Answers each whole request at the target. */
async function answering(door: Door, lines: Line[]): Promise<void> {
  for (;;) {
    const line = await door.target.next()
    lines.push(line)
    const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\ntarget'
    void line
      .until(() => whole(line.bytes) !== undefined)
      .then(
        () => line.send(answer),
        () => {},
      )
  }
}

/**
 * What becomes of these bytes: `own` if an own route answers them, what the target got if that does, else a status;
 * `closed` when the request behind them has met a closed connection.
 */
async function outcome(bytes: string): Promise<string> {
  const door = await openDoor({ routes, tokens: [token] })
  const lines: Line[] = []
  void answering(door, lines)
  const client = await door.client()
  client.send(bytes + last)
  await client.closed()
  const seen = lines.map((line) => whole(line.bytes)).filter((one) => one !== undefined)
  for (const { text } of lines)
    expect(text).not.toMatch(new RegExp(`${token}|${btoa(`:${token}`)}|upgrade|trailer`, 'i'))
  const answers = client.text === '' ? [] : client.text.split(/(?=HTTP\/1\.1 \d{3} )/)
  const told = answers.map((answer) => {
    if (answer.endsWith('target')) return seen.shift()
    return answer.endsWith('own') ? 'own' : answer.slice('HTTP/1.1 '.length).slice(0, 3)
  })
  // Whatever reached the target whole has been answered to whoever asked.
  expect(seen).toEqual([])
  return (told.at(-1) === 'GET /last' ? told.slice(0, -1) : [...told, 'closed']).join(', ')
}

describe('a path', () => {
  it.each([
    ['/jobs', 'own'],
    ['/%6aobs', 'own'],
    ['/jobs?/api', 'own'],
    ['/jobs#x', 'own'],
    ['/jobs#/../api/tags', 'own'],
    ['/jobs/..%2f..%2fapi%2ftags', 'own'],
    ['/jobs%2f..', '404'],
    ['/jobs%2f..%2fapi/tags', '404'],
    ['/jobs/../api/tags', '404'],
    ['/jobs//x', '404'],
    ['//jobs', 'GET //jobs'],
    ['/./jobs', 'GET /./jobs'],
    ['/%2e/jobs', 'GET /%2e/jobs'],
    ['/%2fjobs', 'GET /%2fjobs'],
    ['/jobs;x', 'GET /jobs;x'],
    ['/jobs%00', 'GET /jobs%00'],
    ['/jobs%3fx', 'GET /jobs%3fx'],
    ['/jobs%0d%0aX:y', 'GET /jobs%0d%0aX:y'],
    ['/JOBS', 'GET /JOBS'],
    ['/%252e%252e/jobs', 'GET /%252e%252e/jobs'],
    ['/?/../jobs', 'GET /?/../jobs'],
    ['/api/tags#/jobs', 'GET /api/tags#/jobs'],
    ['/api/../jobs', '400'],
    ['/api/%2e%2e/jobs', '400'],
    ['/api/..\\jobs', '400'],
    ['/\\jobs', '400'],
    ['/jobs%', '400'],
    ['/jobs%c0%af', '400'],
    ['\\jobs', '400, closed'],
    ['jobs', '400, closed'],
    ['/jobs\xff', '400, closed'],
    ['/jobs\0', '400, closed'],
    [`/${'x'.repeat(70_000)}`, '431, closed'],
    ['*', '400, closed'],
    ['http://localhost/jobs', 'own'],
    ['HTTP://other.example/jobs?x', 'own'],
    ['http://other.example/api/tags', 'GET /api/tags'],
    ['http://other.example?x=/jobs', 'GET /?x=/jobs'],
    ['http://localhost//jobs', 'GET //jobs'],
    ['http://localhost/x/../jobs', '400'],
    ['http://localhost#/jobs', '400, closed'],
    ['http://localhost\\jobs', '400, closed'],
    ['http://jobs@localhost/api/tags', '400, closed'],
    ['http:///jobs', '400'],
    ['ftp://localhost/jobs', '400, closed'],
    ['localhost:80', '400, closed'],
  ])('%s: %s', async (target, wanted) => expect(await outcome(get(target))).toBe(wanted))
})

const body = '2\r\n{}\r\n0\r\n\r\n'
const shown = 'POST /api/show {}'
const hidden = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('a body', () => {
  it.each([
    ['as long as it says', post('Content-Length: 2', '{}'), shown],
    ['with two lengths', post('Content-Length: 2\r\nContent-Length: 0', '{}'), '400, closed'],
    ['with one length twice', post('Content-Length: 2\r\nContent-Length: 2', '{}'), '400, closed'],
    ['with a signed length', post('Content-Length: +2', '{}'), '400, closed'],
    ['with a length beyond 64 bits', post('Content-Length: 18446744073709551618', '{}'), '400, closed'],
    ['whose length is the connection’s', post('Connection: content-length\r\nContent-Length: 2', '{}'), shown],
    ['with length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked', body), '400, closed'],
    ['with chunks and length', post('Transfer-Encoding: chunked\r\nContent-Length: 5', body), '400, closed'],
    ['in chunks', chunked(body), shown],
    ['in CHUNKS', post('Transfer-Encoding: CHUNKED', body), shown],
    [
      'whose chunks are the connection’s',
      chunked(body).replace('Host', 'Connection: transfer-encoding\r\nHost'),
      shown,
    ],
    ['in chunks, then as it is', post('Transfer-Encoding: chunked, identity', body), '400, closed'],
    ['in chunks twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', body), '400, closed'],
    ['in something like chunks', post('Transfer-Encoding: xchunked', body), '501, closed'],
    ['in chunks behind a vertical tab', post('Transfer-Encoding: \x0bchunked', body), '400, closed'],
    ['in chunks of packed bytes', post('Transfer-Encoding: gzip, chunked', body), '501'],
    ['in chunks before a colon', post('Transfer-Encoding : chunked', body), '400, closed'],
    ['in chunks on a folded line', post('Transfer-Encoding:\r\n chunked', body), '400, closed'],
    ['in chunks of HTTP/1.0', chunked(body).replace('1.1\r\n', '1.0\r\nConnection: keep-alive\r\n'), '400, closed'],
    ['whose chunks say more', chunked(`2;a=b;c="d"\r\n{}\r\n0;x\r\n\r\n`), shown],
    ['whose chunks say 20 kB more', chunked(`2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`), '400, closed'],
    ['with a chunk beyond 64 bits', chunked('FFFFFFFFFFFFFFFF2\r\n{}\r\n0\r\n\r\n'), '400, closed'],
    ['with a chunk of -2', chunked('-2\r\n{}\r\n0\r\n\r\n'), '400, closed'],
    ['with a chunk of 0x2', chunked('0x2\r\n{}\r\n0\r\n\r\n'), '400, closed'],
    ['with a chunk longer than it says', chunked('2\r\n{}}\r\n0\r\n\r\n'), '400, closed'],
    ['with chunks of bare line feeds', chunked('2\n{}\n0\n\n'), '400, closed'],
    ['with credentials behind it', chunked(`2\r\n{}\r\n0\r\n${auth}X: ${token}\r\n\r\n`), shown],
    ['with a length behind it', chunked('2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n'), '400, closed'],
    ['with 70 kB behind it', chunked(`2\r\n{}\r\n0\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), '431, closed'],
    [
      'that looks like a request',
      post(`Content-Length: ${hidden.length}`, hidden),
      `POST /api/show ${hidden.trimEnd()}`,
    ],
    [
      'of an own route, in chunks and with a length',
      chunked(body).replace('/api/show', '/jobs').replace('\r\nT', '\r\nContent-Length: 5\r\nT'),
      '400, closed',
    ],
    [
      'of an own route that looks like a request',
      post(`Content-Length: ${hidden.length}`, hidden).replace('POST /api/show', 'GET /jobs'),
      'own',
    ],
    ['that was to be waited for', post('Expect: 100-continue\r\nContent-Length: 2', '{}'), `100, ${shown}`],
    ['that is expected to be something else', post('Expect: more\r\nContent-Length: 2', '{}'), '417, closed'],
  ])('%s', async (_, bytes, wanted) => expect(await outcome(bytes)).toBe(wanted))
})

const tags = 'GET /api/tags'

describe('a head', () => {
  it.each([
    ['with two Hosts', tagsWith('Host: other.example'), '400, closed'],
    ['with one Host twice', tagsWith('host: localhost'), '400, closed'],
    ['without a Host', `${tags} HTTP/1.1\r\n${auth}\r\n`, '400, closed'],
    ['of HTTP/0.9', get('/api/tags').replace('1.1', '0.9'), '505, closed'],
    ['of HTTP/1.2', get('/api/tags').replace('1.1', '1.2'), '400, closed'],
    ['of HTTP/2.0', get('/api/tags').replace('1.1', '2.0'), '505, closed'],
    ['of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400, closed'],
    ['of HTTP/1.0 that stays', tagsWith('Connection: keep-alive').replace('1.1', '1.0'), tags],
    ['that wants a tunnel', `CONNECT localhost:80 HTTP/1.1\r\n${mine}\r\n`, 'closed'],
    ['that asks for options of everything', `OPTIONS * HTTP/1.1\r\n${mine}\r\n`, '204'],
    ['with an unknown method', `JOBS /jobs HTTP/1.1\r\n${mine}\r\n`, '400, closed'],
    ['after empty lines', `\r\n\r\n${get('/api/tags')}`, tags],
    ['with a tab in its first line', `GET\t/jobs HTTP/1.1\r\n${mine}\r\n`, '400, closed'],
    ['with a folded line', tagsWith('X: a\r\n b'), '400, closed'],
    ['with a space before a colon', tagsWith('X : a'), '400, closed'],
    ['with a line without a colon', tagsWith('X'), '400, closed'],
    ['with bare line feeds', get('/api/tags').replaceAll('\r\n', '\n'), '400, closed'],
    ['with one bare line feed', tagsWith('X: a\nY: b'), '400, closed'],
    ['with a bare carriage return', tagsWith('X: a\rY: b'), '400, closed'],
    ['with a zero byte', tagsWith('X: a\0b'), '400, closed'],
    ['with a letter that is none in a name', tagsWith('X\xe9: a'), '400, closed'],
    ['with a line of 66 kB', tagsWith(`X: ${'x'.repeat(66_000)}`), '431, closed'],
    ['with a line of 60 kB', tagsWith(`X: ${'x'.repeat(60_000)}`), tags],
    ['with 900 lines', tagsWith(fields(900)), tags],
    ['with 2,000 lines', tagsWith(fields(2_000)), '431, closed'],
    [
      'that takes its credentials for the connection’s',
      tagsWith('Connection: authorization, x-mine\r\nX-Mine: leaked'),
      tags,
    ],
    ['that takes its Host for the connection’s', tagsWith('Connection: host, keep-alive'), tags],
    ['that asks for a WebSocket', tagsWith('Connection: Upgrade\r\nUpgrade: websocket'), '501, closed'],
    [
      'that asks for HTTP/2',
      tagsWith('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM'),
      `${tags}, closed`,
    ],
    [
      'of an own route that asks for a WebSocket',
      get('/jobs').replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      'own, closed',
    ],
    ['that is the last', `GET /jobs HTTP/1.1\r\n${mine}Connection: close\r\n\r\n${get('/api/tags')}`, 'own, closed'],
  ])('%s', async (_, bytes, wanted) => expect(await outcome(bytes)).toBe(wanted))
})

describe('a token', () => {
  it.each([
    ['twice', tagsWith(auth.trimEnd()), tags],
    ['as a password, too', tagsWith(`Authorization: Basic ${btoa(`:${token}`)}`), tags],
    ['as a key, twice', tagsWith(`x-api-key: ${token}\r\nX-API-Key: ${token}`), tags],
    ['behind a tab', tagsWith(`Authorization: Basic\t${btoa(`:${token}`)}`), tags],
    ['of no scheme', tagsWith(`AUTHORIZATION: ${token}`), tags],
    ['of another scheme', tagsWith(`Authorization: Token token="${token}"`), tags],
    ['for a proxy', tagsWith(`Proxy-Authorization: Bearer ${token}`), tags],
    ['behind a wrong one', get('/api/tags').replace(auth, `Authorization: Bearer x\r\n${auth}`), '401'],
  ])('%s', async (_, bytes, wanted) => expect(await outcome(bytes)).toBe(wanted))
})
