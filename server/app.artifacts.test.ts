// What a job leaves behind, fetched over HTTP: its list on both roads, its bytes whole and in ranges, and what becomes of
// a download when its reader is slow, leaves, or the job is erased under it.

import { createHash } from 'node:crypto'
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, replyOf, type Foreman } from './app.harness.ts'
import { eventually, openTarget, turns } from './app.stage.ts'
import type { Job } from './job/schema.ts'

const pieceBytes = 256 * 1024

/** Asks by hand, so that nothing is added, decoded or followed, on a connection that is to stay. */
function ask(foreman: Foreman, path: string, headers: object = {}, method = 'GET'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers }, agent: new Agent({ keepAlive: true }) }
    request(`${foreman.url}${path}`, options, resolve).on('error', reject).end()
  })
}

/** The same, read to its end. */
async function fetched(...asked: Parameters<typeof ask>) {
  const answer = await ask(...asked)
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  return { status: answer.statusCode, headers: answer.headers as IncomingHttpHeaders, bytes: Buffer.concat(parts) }
}

async function done(foreman: Foreman, input: object = chat()): Promise<Job> {
  return foreman.ended((await foreman.submit(input)).id)
}

/** A foreman with a done job whose response.json has so many bytes of `fill` in it. */
async function withLarge(bytes: number) {
  const body = Buffer.from(`{"data":[],"pad":"${'0123456789'.repeat(bytes / 10)}"}`)
  const target = await openTarget(({ answer }) => answer.end(body))
  const foreman = await openForeman({ settings: { TARGET: target } })
  const job = await done(foreman, { request: { endpoint: '/v1/embeddings', body: { model: 'alpha', input: 'x' } } })
  return { foreman, body, job, path: `/jobs/${job.id}/artifacts/response.json` }
}

test('they are listed with their addresses, the same on both roads, and each address has the bytes it tells of', async () => {
  const foreman = await openForeman()
  const job = await done(foreman)
  const listed = await foreman.get(`/jobs/${job.id}/artifacts`)
  expect([listed.status, listed.json]).toEqual([200, { data: job.artifacts }])
  expect(await foreman.trpc.jobs.artifacts.query({ id: job.id })).toEqual(listed.json)
  expect(job.artifacts.map(({ name, content_type }) => [name, content_type])).toEqual([
    ['output.txt', 'text/plain; charset=utf-8'],
    ['response.json', 'application/json'],
    ['stream.ndjson', 'application/x-ndjson'],
  ])
  for (const { name, url, size_bytes, sha256, content_type } of job.artifacts) {
    const { status, headers, bytes } = await fetched(foreman, new URL(url).pathname)
    expect([status, bytes.length]).toEqual([200, size_bytes])
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
    expect(headers).toMatchObject({
      'content-type': content_type,
      'content-length': String(size_bytes),
      'content-disposition': `attachment; filename="${name}"`,
      etag: `"${sha256}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    })
  }
  const text = await fetched(foreman, `/jobs/${job.id}/artifacts/output.txt`)
  const { response } = await foreman.job(job.id, '?include=response')
  expect(text.bytes.toString()).toBe((response as { message: { content: string } }).message.content)
})

test('a job that has not ended has none; one that failed has what had come', async () => {
  const foreman = await openForeman()
  foreman.fake.fault({ do: 'crash', after: 2 })
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit({ ...chat(), max_attempts: 1 })
  expect((await foreman.get(`/jobs/${id}/artifacts`)).json).toEqual({ data: [] })
  expect((await foreman.get(`/jobs/${id}/artifacts/stream.ndjson`)).status).toBe(404)
  await foreman.post('/queue/resume')
  const failed = await foreman.ended(id)
  expect(failed).toMatchObject({ state: 'failed', artifacts: [{ name: 'stream.ndjson', partial: true }] })
  const { status, bytes } = await fetched(foreman, `/jobs/${id}/artifacts/stream.ndjson`)
  expect(status).toBe(200)
  const [first = '', ...more] = bytes.toString().split('\n')
  expect(JSON.parse(first)).toMatchObject({ done: false })
  expect(more.at(-1)).toBe('')
})

describe('a part', () => {
  test('is any range of bytes, over the ends of pieces', async () => {
    const { foreman, body, path } = await withLarge(3 * pieceBytes)
    const size = body.length
    const ranges: [string, number, number][] = [
      ['0-0', 0, 1],
      [`${pieceBytes - 5}-${pieceBytes + 4}`, pieceBytes - 5, pieceBytes + 5],
      [`${pieceBytes}-${2 * pieceBytes - 1}`, pieceBytes, 2 * pieceBytes],
      [`${size - 1}-`, size - 1, size],
      ['-7', size - 7, size],
      ['0-', 0, size],
      [`5-${size * 2}`, 5, size],
    ]
    for (const [range, start, end] of ranges) {
      const { status, headers, bytes } = await fetched(foreman, path, { range: `bytes=${range}` })
      expect([range, status, headers['content-range']]).toEqual([range, 206, `bytes ${start}-${end - 1}/${size}`])
      expect([range, headers['content-length']]).toEqual([range, String(end - start)])
      expect(bytes.equals(body.subarray(start, end))).toBe(true)
    }
  })

  test('that is not there is 416 and says how much there is', async () => {
    const { foreman, body, path } = await withLarge(10)
    const { status, headers, bytes } = await fetched(foreman, path, { range: `bytes=${body.length}-` })
    expect([status, headers['content-range']]).toEqual([416, `bytes */${body.length}`])
    expect(headers['content-type']).toMatch('application/problem+json')
    expect(headers).not.toHaveProperty('content-disposition')
    expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'invalid_request', status: 416 })
  })

  test('of what has changed since is the whole, and so are several parts, what makes no sense, and a HEAD', async () => {
    const { foreman, body, path } = await withLarge(10)
    const { headers } = await fetched(foreman, path, {}, 'HEAD')
    const range = 'bytes=0-3'
    const status = async (asked: object) => (await fetched(foreman, path, asked)).status
    expect(await status({ range, 'if-range': headers.etag })).toBe(206)
    for (const other of ['"x"', `W/${headers.etag}`, 'Mon, 23 Nov 2026 00:00:00 GMT'])
      expect(await status({ range, 'if-range': other })).toBe(200)
    for (const whole of ['bytes=0-1,3-4', 'bytes=4-1', 'lines=1-2', 'bytes']) {
      const answer = await fetched(foreman, path, { range: whole })
      expect([answer.status, answer.bytes.equals(body)]).toEqual([200, true])
    }
    const head = await fetched(foreman, path, { range }, 'HEAD')
    expect([head.status, head.headers['content-length'], head.bytes.length]).toEqual([200, String(body.length), 0])
    expect(head.headers['accept-ranges']).toBe('bytes')
  })
})

test('what a reader has already is not sent again, by HEAD neither', async () => {
  const { foreman, path } = await withLarge(10)
  const { headers } = await fetched(foreman, path)
  for (const method of ['GET', 'HEAD']) {
    for (const known of [headers.etag, `"x", W/${headers.etag}`, '*']) {
      const again = await fetched(foreman, path, { 'if-none-match': known, range: 'bytes=0-1' }, method)
      expect([method, known, again.status, again.bytes.length]).toEqual([method, known, 304, 0])
      expect(again.headers).toMatchObject({ etag: headers.etag, 'cache-control': 'private, no-cache' })
    }
    expect((await fetched(foreman, path, { 'if-none-match': '"x"' }, method)).status).toBe(200)
  }
})

test('a slow reader holds a few pieces in memory, a fast one gets a piece a turn, and everybody else goes on', async () => {
  const { foreman, body, job, path } = await withLarge(60_000_000)
  const reads = new Reads(foreman)
  const slow = await ask(foreman, path)
  await turns(300)
  const stalled = reads.bytes
  // What the kernel takes in both directions, and a piece or two: nothing like the sixty million bytes.
  expect(stalled).toBeLessThan(body.length / 4)
  await turns(300)
  expect(reads.bytes).toBe(stalled)

  let answered = 0
  const reading = { on: true }
  const others = (async () => {
    for (; reading.on; answered++) expect((await foreman.get(`/jobs/${job.id}`)).status).toBe(200)
  })()
  const digest = createHash('sha256')
  for await (const part of slow) digest.update(part as Buffer)
  reading.on = false
  await others
  expect(digest.digest('hex')).toBe(job.artifacts[0]?.sha256)
  expect(answered).toBeGreaterThan(5)
  // Two turns may look like one from outside.
  expect(reads.mostInATurn).toBeLessThanOrEqual(2)
})

/** What has been read of artifacts from the store since. */
class Reads {
  bytes = 0
  mostInATurn = 0
  #inThisTurn = 0

  constructor({ app: { queue } }: Foreman) {
    const real = queue.artifact.bind(queue)
    queue.artifact = (...named) => {
      const found = real(...named)
      return found && { ...found, read: (start, end) => this.#counted(found.read(start, end)) }
    }
  }

  *#counted(pieces: Iterable<Buffer>): Generator<Buffer> {
    for (const piece of pieces) {
      this.bytes += piece.length
      if (this.#inThisTurn++ === 0) setImmediate(() => (this.#inThisTurn = 0))
      this.mostInATurn = Math.max(this.mostInATurn, this.#inThisTurn)
      yield piece
    }
  }
}

test('a reader who leaves is not read for any more', async () => {
  const { foreman, path } = await withLarge(60_000_000)
  const reads = new Reads(foreman)
  const answer = await ask(foreman, path)
  answer.destroy()
  await turns(300)
  const left = reads.bytes
  await turns(300)
  expect(reads.bytes).toBe(left)
  expect((await foreman.get('/livez')).status).toBe(200)
})

test('a job that is erased under its reader breaks the connection, and nothing looks like an end', async () => {
  const { foreman, body, job, path } = await withLarge(60_000_000)
  const answer = await ask(foreman, path)
  await turns(50)
  expect((await foreman.call('DELETE', `/jobs/${job.id}`)).status).toBe(204)
  await eventually(() => foreman.rows('SELECT * FROM chunk LIMIT 1').length === 0)
  let received = 0
  const reading = async () => {
    for await (const part of answer) received += (part as Buffer).length
  }
  await expect(reading()).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(received).toBeLessThan(body.length)
  expect((await fetched(foreman, path)).status).toBe(410)
  expect(foreman.lines.filter(({ msg }) => msg === 'internal error')).toEqual([])
})

describe('what is not there', () => {
  test('is 404 or 410, whatever is asked and however it is written', async () => {
    const foreman = await openForeman()
    const { id } = await done(foreman)
    const names = ['nothing', 'response.jso', '..%2f..%2fforeman.db', '%00', '%E2%82%AC', 'x'.repeat(3000), "';--"]
    for (const name of names) {
      const answer = await fetched(foreman, `/jobs/${id}/artifacts/${name}`)
      expect([name, answer.status]).toEqual([name, 404])
      expect(answer.headers['content-type']).toMatch('application/problem+json')
      expect((await fetched(foreman, `/jobs/${id}/artifacts/${name}`, {}, 'HEAD')).status).toBe(404)
    }
    for (const path of ['/artifacts', '/artifacts/response.json']) {
      expect((await foreman.get(`/jobs/job_nobody${path}`)).json).toMatchObject({ code: 'not_found' })
    }
    expect((await foreman.get(`/jobs/${id}/artifacts/`)).status).toBe(404)
    expect((await foreman.get(`/jobs/${id}/artifacts?limit=1`)).status).toBe(422)
    expect((await foreman.get(`/jobs/${id}/artifacts/%zz`)).status).toBe(400)
    await foreman.call('DELETE', `/jobs/${id}`)
    for (const path of ['/artifacts', '/artifacts/response.json', '/artifacts/nothing'])
      expect((await foreman.get(`/jobs/${id}${path}`)).json).toMatchObject({ code: 'gone', status: 410 })
  })

  test('for strangers, who need the token; and other methods are 405', async () => {
    const foreman = await openForeman({ settings: { TOKEN: 'secret' } })
    const headers = { authorization: 'Bearer secret' }
    const made = await foreman.post('/jobs', chat(), headers)
    const path = `/jobs/${String(made.json.id)}/artifacts`
    await foreman.get(`/jobs/${String(made.json.id)}?wait=60`, headers)
    for (const one of [path, `${path}/response.json`]) {
      expect((await foreman.get(one)).status).toBe(401)
      expect((await foreman.get(one, headers)).status).toBe(200)
      for (const method of ['PUT', 'DELETE', 'POST']) {
        const answer = await replyOf(await fetch(foreman.url + one, { method, headers }))
        expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD'])
      }
    }
  })
})
