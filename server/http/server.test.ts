// Who may come in and which paths are whose, over real HTTP.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { ForemanError } from '../job/error.ts'
import { openDoor, type Door } from './door.harness.ts'
import type { ServerOptions } from './server.ts'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** A request that reaches the target, which answers 200 `target`. */
async function ask(door: Door, method: string, path: string, headers: Headers = {}): Promise<Answer> {
  const answer = plain(door, method, path, headers, '')
  const target = await door.target.next()
  await target.until('\r\n\r\n')
  const lines = ['Connection: close', 'Access-Control-Allow-Origin: *', 'Vary: Accept', 'Content-Length: 6']
  target.send(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\ntarget`)
  return answer
}

type Headers = Record<string, string | undefined>

/** One request with exactly these headers. */
function plain(door: Door, method: string, path: string, headers: Headers, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(door.url)
    const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const req = httpRequest(
      { hostname, port, method, path, headers: { connection: 'close', ...length, ...headers } },
      (res) => {
        let text = ''
        res.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body: text }))
      },
    )
    req.on('error', reject).end(body)
  })
}

const routes: ServerOptions['routes'] = (app) => {
  app.get('/livez', () => 'alive')
  app.get('/jobs', () => 'jobs')
  app.post('/jobs', () => 'posted')
  app.post('/jobs/batch', () => 'posted')
  app.get('/jobs/:id', (request) => `job ${(request.params as { id: string }).id}`)
  app.delete('/jobs/:id', () => 'deleted')
  app.get('/queue', () => {
    throw new Error('secret detail')
  })
  app.get('/target', () => {
    throw new ForemanError('queue_full', 'too many', { retryAfterS: 7 })
  })
  app.post('/trpc/*', () => 'trpc')
}

describe('foreman’s own paths', () => {
  it('answer themselves, and 404 and 405 with Allow where nothing is, as problems, never asking the target', async () => {
    const door = await openDoor({ routes })
    expect((await plain(door, 'GET', '/jobs/a%2Fb', {}, '')).body).toBe('job a/b')
    for (const [method, path, status, allow] of [
      ['PUT', '/jobs', 405, 'GET, POST'],
      ['PUT', '/jobs#x', 405, 'GET, POST'],
      ['PATCH', '/jobs/job_1', 405, 'DELETE, GET'],
      ['PROPFIND', '/jobs/job_1', 405, 'DELETE, GET'],
      ['GET', '/jobs/job_1/nothing', 404, undefined],
      ['POST', '/jobs/job_1/../../api/chat', 404, undefined],
      ['POST', '/livez', 405, 'GET'],
      ['GET', '/trpc/jobs.get', 405, 'POST'],
      ['GET', '/events', 404, undefined],
      ['GET', '/%6Aobs/x/y', 404, undefined],
      ['GET', '/openapi.json', 404, undefined],
    ] as const) {
      const answer = await plain(
        door,
        method,
        path,
        { 'content-type': 'application/json' },
        method === 'GET' ? '' : '{broken',
      )
      expect([path, answer.status, answer.headers.allow]).toEqual([path, status, allow])
      const body = JSON.parse(answer.body) as { error: { data: { problem: object } } }
      const type = path.startsWith('/trpc') ? /^application\/json/ : /^application\/problem\+json/
      expect(answer.headers['content-type']).toMatch(type)
      expect(path.startsWith('/trpc') ? body.error.data.problem : body).toMatchObject({
        status,
        source: 'foreman',
        instance: path,
      })
    }
    expect(door.target.count).toBe(0)
    for (const path of ['/jobsx', '/Jobs', '//jobs', '/api/jobs'])
      expect((await ask(door, 'GET', path)).body).toBe('target')
  })

  it('mask what went wrong inside, tell what may be told, and hand the whole error to onInternal', async () => {
    const faults: unknown[] = []
    const door = await openDoor({ routes, onInternal: (error, id) => faults.push([(error as Error).message, id]) })
    const broken = await plain(door, 'GET', '/queue', { 'x-request-id': 'abc-1' }, '')
    expect([broken.status, broken.body.includes('secret')]).toEqual([500, false])
    expect(faults).toEqual([['secret detail', 'abc-1']])
    const full = await plain(door, 'GET', '/target', {}, '')
    expect([full.status, full.headers['retry-after']]).toEqual([503, '7'])
  })

  it('carry a request id: the caller’s if it is plain, else one of their own', async () => {
    const door = await openDoor({ routes })
    expect((await plain(door, 'GET', '/jobs', { 'x-request-id': 'a.B-1:2' }, '')).headers['x-request-id']).toBe(
      'a.B-1:2',
    )
    const own = await plain(door, 'GET', '/jobs', { 'x-request-id': 'a b' }, '')
    expect(own.headers['x-request-id']).toMatch(/^[0-9a-f]{8}-\w+$/)
  })
})

describe('an idle connection', () => {
  it('is kept longer than edges keep theirs, which is 90 s for Traefik: none sends into one that closes', async () => {
    const door = await openDoor({ routes })
    const { headers } = await plain(door, 'GET', '/livez', { connection: 'keep-alive' }, '')
    expect(Number(/^timeout=(\d+)$/.exec(String(headers['keep-alive']))?.[1])).toBeGreaterThan(90)
  })
})

describe('with tokens', () => {
  const tokens = ['old-token', 'new-token']

  it('every path needs one but health and documents; a refusal has the shape of its route', async () => {
    const door = await openDoor({ routes, tokens })
    for (const [path, shape] of [
      ['/jobs', { code: 'unauthorized', source: 'foreman' }],
      ['/jobs/x/y', { code: 'unauthorized' }],
      ['/metrics', { code: 'unauthorized' }],
      ['/api/tags', { error: expect.stringMatching(/^foreman: /) }],
      ['/', { error: expect.stringMatching(/^foreman: /) }],
      ['/v1/models', { error: { type: 'authentication_error', code: 'unauthorized' } }],
      ['/v1/messages', { type: 'error', error: { type: 'authentication_error' } }],
    ] as const) {
      const answer = await plain(door, 'GET', path, {}, '')
      expect([path, answer.status, answer.headers['www-authenticate']]).toEqual([path, 401, 'Bearer'])
      expect(JSON.parse(answer.body)).toMatchObject(shape)
    }
    expect((await plain(door, 'GET', '/livez', {}, '')).status).toBe(200)
    expect(door.target.count).toBe(0)
    expect(door.served.map(({ route, status }) => [route, status])).toContainEqual(['/v1/models', 401])
  })

  it('what is open stays so however its path is written, and nothing else is', async () => {
    const door = await openDoor({ routes, tokens })
    const status = async (path: string) => {
      const client = await door.client()
      client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      await client.closed()
      return [path, Number(client.text.slice(9, 12))]
    }
    for (const path of ['/livez', '/livez?x=/jobs', '/%6civez', 'http://h/livez', 'http://h:1/%6Civez?x'])
      expect(await status(path)).toEqual([path, 200])
    const closed =
      '/jobs /%6aobs http://h/jobs /livez/ /livez/x /livezz //livez /LIVEZ /livez%2f /livez;a /jobs/livez /jobs?x=/livez ' +
      '/jobs/..%2flivez /jobs/../livez http://livez/jobs http://h?x=/jobs /x/../livez /%2e/livez /docsx ' +
      '/docs /docs/a /docs/../jobs /docs/%2e%2e/jobs /metrics /api/tags http://h/api/tags'
    for (const path of closed.split(' ')) expect(await status(path)).toEqual([path, 401])
    expect(door.target.count).toBe(0)
  })

  it('any of them is taken, as bearer, x-api-key or password; nothing else is', async () => {
    const door = await openDoor({ routes, tokens })
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    for (const headers of [
      { authorization: 'Bearer old-token' },
      { authorization: 'bearer new-token' },
      { 'x-api-key': 'new-token' },
      { authorization: basic('anyone:new-token') },
      { authorization: basic(':old-token') },
      { authorization: 'Bearer wrong', 'x-api-key': 'old-token' },
    ]) {
      expect((await plain(door, 'GET', '/jobs', headers, '')).status).toBe(200)
    }
    for (const headers of [
      { authorization: 'Bearer old-toke' },
      { authorization: 'Bearer old-tokens' },
      { authorization: 'Bearer' },
      { authorization: 'old-token' },
      { authorization: basic('old-token:') },
      { authorization: basic('old-token') },
      { authorization: basic(':old-token\0') },
      { authorization: `Bearer ${'x'.repeat(10_000)}` },
      { 'x-api-key': '' },
      { 'x-api-key': 'old-token, new-token' },
    ]) {
      expect((await plain(door, 'GET', '/jobs', headers, '')).status).toBe(401)
    }
  })

  it('one that is none of them is told from none', async () => {
    const door = await openDoor({ routes, tokens })
    const detail = async (headers: Record<string, string>) =>
      (JSON.parse((await plain(door, 'GET', '/jobs', headers, '')).body.toString()) as { detail: string }).detail
    expect(await detail({})).toBe('a token is required')
    expect(await detail({ authorization: 'Bearer wrong' })).toBe('the token is not accepted')
    expect(await detail({ authorization: 'old-token' })).toBe('the token is not accepted')
    expect(await detail({ 'x-api-key': 'wrong' })).toBe('the token is not accepted')
  })

  it.each([
    ['on its plain way', 'GET /api/tags', ''],
    ['on a path that is looked at twice', 'GET //api//tags', ''],
    ['on a way out of a whole URL', 'GET http://anything.example/api/tags', ''],
    ['with a body that is looked at', 'POST /api/chat', '{"model":"a"}'],
    ['with a body that is streamed', 'POST /api/blobs/sha256:1', 'blob'],
    ['with a body that cannot be read', 'POST /v1/audio/transcriptions', 'sound'],
  ])('the token never reaches the target %s, which gets its own; no Host is refused', async (_, start, body) => {
    const door = await openDoor({ tokens, targetToken: 'inner' })
    const client = await door.client()
    const credentials = `Authorization: Bearer old-token\r\nX-Api-Key: old-token\r\nauthorization: new-token`
    const head = `${start} HTTP/1.1\r\nHost: anything.example\r\n${credentials}\r\nContent-Length: ${body.length}`
    client.send(`${head}\r\n\r\n${body}`)
    const target = await door.target.next()
    const seen = await target.until((text) => text.endsWith(`\r\n\r\n${body}`))
    expect(seen).not.toMatch(/old-token|new-token/)
    expect(seen.match(/authorization: .*/gi)).toEqual(['Authorization: Bearer inner'])
  })
})

describe('without tokens', () => {
  it('only names that no web page can make its own are served', async () => {
    const door = await openDoor({
      routes,
      hosts: ['mac.lan', 'Box.local:8080'],
      publicUrl: 'https://foreman.example/base',
    })
    const port = new URL(door.url).port
    for (const host of [
      `localhost:${port}`,
      'localhost',
      `127.0.0.1:${port}`,
      '127.9.9.9',
      '[::1]:1',
      'LOCALHOST.',
      'mac.lan:99',
      'box.local',
      'foreman.example',
    ]) {
      expect([host, (await plain(door, 'GET', '/jobs', { host }, '')).status]).toEqual([host, 200])
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '10.0.0.1',
      '127.0.0.1.evil.example',
      'localhost.evil',
      '0.0.0.0',
    ]) {
      for (const path of ['/jobs', '/livez', '/api/tags']) {
        const answer = await plain(door, 'GET', path, { host }, '')
        expect([host, answer.status]).toEqual([host, 403])
      }
    }
    // A whole URL says whom a request is for, whatever Host says beside it.
    expect((await plain(door, 'GET', 'http://evil.example/jobs', { host: 'localhost' }, '')).status).toBe(403)
    expect((await plain(door, 'GET', 'http://localhost:1/jobs', { host: 'evil.example' }, '')).status).toBe(200)
    expect(door.target.count).toBe(0)
  })
})

describe('web pages', () => {
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-a' }

  it('of this machine and of desktop apps may use proxied routes, with foreman’s CORS in the place of the target’s', async () => {
    const door = await openDoor({ routes, corsOrigins: ['https://chat.example', 'https://*.lab.example'] })
    for (const origin of [
      'http://localhost',
      'http://localhost:3000',
      'https://127.0.0.1:8443',
      'http://0.0.0.0:1',
      'app://obsidian.md',
      'tauri://localhost',
      'vscode-webview://1x2',
      'file://',
      'https://chat.example',
      'https://a.lab.example',
      door.url,
    ]) {
      const asked = await plain(door, 'OPTIONS', '/api/chat', { origin, ...preflight }, '')
      expect([origin, asked.status]).toEqual([origin, 204])
      expect(asked.headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'content-type,x-a',
        'access-control-max-age': '43200',
      })
      const answer = await ask(door, 'POST', '/api/show', { origin })
      expect(answer.headers['access-control-allow-origin']).toBe(origin)
      expect(answer.headers.vary).toBe('Accept, Origin')
    }
  })

  it('of elsewhere may change nothing and read nothing', async () => {
    const door = await openDoor({ routes })
    for (const origin of [
      'https://evil.example',
      'http://localhost.evil',
      'http://localhost:3000.evil',
      'null',
      'evil-app://x',
    ]) {
      expect((await plain(door, 'OPTIONS', '/api/chat', { origin, ...preflight }, '')).status).toBe(403)
      const posted = await plain(door, 'POST', '/api/chat', { origin }, '{}')
      expect([posted.status, JSON.parse(posted.body)]).toMatchObject([
        403,
        { error: expect.stringMatching(/^foreman: /) },
      ])
      expect((await ask(door, 'GET', '/api/tags', { origin })).status).toBe(200)
    }
    expect(door.target.count).toBeLessThanOrEqual(5)
  })

  it('may use foreman’s own routes only if they are configured', async () => {
    const door = await openDoor({ routes, corsOrigins: ['https://chat.example'], tokens: ['t'] })
    const local = await plain(door, 'POST', '/jobs', { origin: 'http://localhost:3000', authorization: 'Bearer t' }, '')
    expect([local.status, JSON.parse(local.body)]).toMatchObject([403, { code: 'forbidden' }])
    const asked = await plain(door, 'OPTIONS', '/jobs', { origin: 'https://chat.example', ...preflight }, '')
    expect([asked.status, asked.headers['access-control-allow-origin']]).toEqual([204, 'https://chat.example'])
    const chat = { origin: 'https://chat.example', authorization: 'Bearer t' }
    const posted = await plain(door, 'POST', '/jobs', chat, '')
    expect([posted.status, posted.headers['access-control-allow-origin']]).toEqual([200, 'https://chat.example'])
    expect(posted.headers['access-control-expose-headers']).toContain('Location')
    const refused = await plain(door, 'POST', '/jobs', { origin: 'https://chat.example' }, '')
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, 'https://chat.example'])
  })

  it('and others that ask OPTIONS are answered by foreman, without a token', async () => {
    const door = await openDoor({ routes, tokens: ['t'] })
    const every = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
    for (const [path, allow] of [
      ['/api/chat', every],
      ['/', every],
      ['/jobs', 'GET, POST, OPTIONS'],
      ['/jobs/batch', 'POST, OPTIONS'],
      ['/jobs/job_1?x', 'DELETE, GET, OPTIONS'],
      ['/jobs/job_1/nothing', 'OPTIONS'],
    ] as const) {
      const { status, headers } = await plain(door, 'OPTIONS', path, {}, '')
      expect([path, status, headers.allow]).toEqual([path, 204, allow])
    }
    expect(door.target.count).toBe(0)
  })
})

describe('what is no request', () => {
  it('is refused in few words, and the connection closed', async () => {
    const door = await openDoor()
    for (const [bytes, status] of [
      ['nonsense\r\n\r\n', '400 Bad Request'],
      [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
      [
        'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
        '400 Bad Request',
      ],
    ]) {
      const client = await door.client()
      client.send(bytes!)
      await client.closed()
      expect(client.text).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n[^]*\\{"error":"foreman: `))
    }
    expect(door.target.count).toBe(0)
  })

  it('and what comes behind a last answer does not happen', async () => {
    let posted = 0
    const door = await openDoor({ routes: (app) => void app.post('/jobs', () => `posted ${++posted}`) })
    const client = await door.client()
    const kept =
      'POST /api/show HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
    client.send(`${kept}POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`)
    await client.closed()
    expect([client.text.slice(0, 12), posted]).toEqual(['HTTP/1.1 400', 0])
  })
})
