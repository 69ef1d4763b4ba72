// Stopping as asked, and starting: signals, grace, exit codes, and the lines an operator reads.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, replyOf } from './app.harness.ts'
import { Process, startMain } from './app.outside.ts'
import { eventually, openFake, temporaryFolder } from './app.stage.ts'
import type { Job } from './job/schema.ts'
import type { Seen } from './ollama/fake/ledger.ts'

const works = (seen: Seen) => seen.purpose === 'work'
const clean = { code: 0, signal: null }

async function call(url: string, method = 'GET', body?: object) {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  return replyOf(await fetch(url, { method, ...sent }))
}

describe('a stop', () => {
  test('gives the running job its grace, refuses new ones meanwhile, and ends with 0', async () => {
    const fake = await openFake()
    const gate = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', after: 3, until: gate.promise })
    const folder = temporaryFolder()
    const { process, url } = await startMain({ settings: { TARGET: fake.url, DATA: folder, STOP_GRACE: '30s' } })
    const { id } = (await call(`${url}/jobs`, 'POST', chat())).json as unknown as Job
    const waiting = call(`${url}/jobs/${id}?wait=60`)
    const next = (await call(`${url}/jobs`, 'POST', chat())).json as unknown as Job
    await fake.until(() => fake.ledger.running === 1)
    process.child.kill('SIGTERM')
    // Whoever waits is let go at once, on a connection that is of no more use.
    const left = await waiting
    expect([left.status, left.json.state, left.headers.get('connection')]).toEqual([200, 'working', 'close'])
    const refused = await call(`${url}/jobs`, 'POST', chat())
    expect([refused.status, refused.json.code]).toEqual([503, 'stopping'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const through = await call(`${url}/api/chat`, 'POST', { model: 'alpha', messages: [] })
    expect([through.status, through.json]).toEqual([503, { error: expect.stringContaining('foreman: ') as string }])
    expect((await call(`${url}/readyz`)).json).toMatchObject({ status: 'not ready' })
    expect((await call(`${url}/livez`)).status).toBe(200)
    expect((await call(`${url}/jobs/${id}`)).json.state).toBe('working')
    gate.resolve()
    expect(await process.ended).toEqual(clean)
    expect(process.out).toContain('"msg":"stopped"')

    const foreman = await openForeman({ fake, folder })
    expect(await foreman.job(id)).toMatchObject({ state: 'done', attempt: 1, interruptions: 0 })
    expect(await foreman.ended(next.id)).toMatchObject({ state: 'done', attempt: 1, interruptions: 0 })
  })

  test('interrupts a job that needs longer, at no cost; the target is let go', async () => {
    const fake = await openFake()
    fake.fault({ do: 'hang', after: 3 })
    const folder = temporaryFolder()
    const { process, url } = await startMain({ settings: { TARGET: fake.url, DATA: folder, STOP_GRACE: '50ms' } })
    const { id } = (await call(`${url}/jobs`, 'POST', chat())).json as unknown as Job
    await fake.until(() => fake.ledger.running === 1)
    expect(await process.end('SIGINT')).toEqual(clean)
    expect(fake.requests.find(works)?.outcome).toBe('aborted')
    const foreman = await openForeman({ fake, folder })
    // It went back in order, so there is nothing to recover.
    expect(foreman.app.recovered).toBe(0)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1, interruptions: 1 })
  })

  test('a second signal ends it at once', async () => {
    const fake = await openFake()
    fake.fault({ do: 'hang', after: 3 })
    const folder = temporaryFolder()
    const { process, url } = await startMain({ settings: { TARGET: fake.url, DATA: folder, STOP_GRACE: '10m' } })
    const { id } = (await call(`${url}/jobs`, 'POST', chat())).json as unknown as Job
    await fake.until(() => fake.ledger.running === 1)
    process.child.kill('SIGTERM')
    await process.said(/a second signal exits at once/)
    expect(await process.end('SIGTERM')).toEqual({ code: 1, signal: null })
    const foreman = await openForeman({ fake, folder })
    expect(foreman.app.recovered).toBe(1)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', interruptions: 1 })
  })

  test("lets people's streams end within the grace, and cuts them after it", async () => {
    const fake = await openFake()
    const gate = Promise.withResolvers<void>()
    for (const [grace, whole] of [
      ['30s', true],
      ['50ms', false],
    ] as const) {
      fake.fault(whole ? { do: 'hang', after: 3, until: gate.promise } : { do: 'hang', after: 3 })
      const foreman = await openForeman({ fake, settings: { STOP_GRACE: grace } })
      let text = ''
      const ended = new Promise<string>((resolve) => {
        const asked = request(`${foreman.url}/api/chat`, { method: 'POST' }, (answer) => {
          answer.on('data', (part: Buffer) => (text += part.toString()))
          answer.on('end', () => resolve('whole')).on('error', () => resolve('cut'))
        })
        asked.end(JSON.stringify(chat().request.body))
      })
      await eventually(() => text.split('\n').length === 4)
      const closed = foreman.close()
      await eventually(async () => (await foreman.get('/readyz').catch(() => undefined))?.status !== 200)
      if (whole) gate.resolve()
      expect(await ended).toBe(whole ? 'whole' : 'cut')
      await closed
      expect(text.includes('"done":true')).toBe(whole)
      await fake.until(() => fake.requests.findLast(works)?.outcome === (whole ? 'answered' : 'aborted'))
    }
  })

  test('lets a submit that is under way end: it is answered, and stored or refused as it says', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const large = foreman.post('/jobs', chat('alpha', 'x'.repeat(6_000_000)))
    await eventually(() => foreman.rows('SELECT * FROM loose').length === 1)
    await foreman.close()
    expect((await large).status).toBe(202)
    await foreman.start()
    expect((await foreman.get('/jobs')).json.data).toHaveLength(1)
  })
})

describe('a start', () => {
  test('says where it listens, what it fronts and how that is, in JSON lines', async () => {
    const fake = await openFake()
    const { process, url } = await startMain({ settings: { TARGET: fake.url, DATA: temporaryFolder() } })
    await process.said(/in front of/)
    const lines = process.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(lines).toContain(`listening on ${url}`)
    expect(lines).toContain(`in front of ${fake.url} (awake, Ollama 0.33.0)`)
    expect(await process.end('SIGTERM')).toEqual(clean)
    expect(process.err).toBe('')
  })

  test('on every address says so, and not that it is on loopback', async () => {
    const settings = { LISTEN: '0.0.0.0:0', TOKEN: 'a-token', DATA: temporaryFolder() }
    const { process, url } = await startMain({ settings })
    expect(url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/)
    expect(await process.end('SIGTERM')).toEqual(clean)
  })

  test('with wrong settings names all of them at once and ends with 2', async () => {
    const settings = {
      TARGET: 'ftp://x',
      PATIENCE: 'soon',
      BODY_MAX: '1',
      TOKNE: 'a',
      TOKEN_FILE: '/nowhere',
      LISTEN: '0.0.0.0:1',
    }
    for (const args of [[], ['--check']]) {
      const process = new Process('main.ts', { settings, args, cwd: temporaryFolder() })
      expect(await process.ended).toEqual({ code: 2, signal: null })
      expect(process.out).toBe('')
      expect(process.err).toMatch(/^5 settings are wrong:\n/)
      for (const name of ['TARGET', 'PATIENCE', 'BODY_MAX', 'TOKNE', 'TOKEN_FILE'])
        expect(process.err).toContain(`  FOREMAN_${name} is `)
      expect(process.err).toContain('did you mean')
      expect(process.err).not.toContain('    at ')
    }
  })

  test('--check ends with 0 and touches nothing; settings come from .env, the environment goes first', async () => {
    const cwd = temporaryFolder()
    const data = join(cwd, 'nothing')
    writeFileSync(join(cwd, '.env'), `FOREMAN_DATA=${data}\nFOREMAN_PATIENCE=soon\n`)
    const wrong = new Process('main.ts', { args: ['--check'], cwd })
    expect((await wrong.ended).code).toBe(2)
    expect(wrong.err).toContain('FOREMAN_PATIENCE is "soon"')
    const right = new Process('main.ts', { args: ['--check'], cwd, settings: { PATIENCE: '1m' } })
    expect(await right.ended).toEqual(clean)
    expect(right.out).toMatch(/^settings are fine/)
    const fake = await openFake()
    const { process } = await startMain({ cwd, settings: { PATIENCE: '1m', TARGET: fake.url } })
    expect(await process.end('SIGTERM')).toEqual(clean)
    const foreman = await openForeman({ fake, folder: data })
    expect(foreman.app.recovered).toBe(0)
  })

  test('a .env that cannot be read is told with 2', async () => {
    const cwd = temporaryFolder()
    mkdirSync(join(cwd, '.env'))
    const process = new Process('main.ts', { cwd })
    expect(await process.ended).toEqual({ code: 2, signal: null })
    expect(process.err).toMatch(/^\.env cannot be read: [^\n]+\n$/)
  })

  test('an argument that is none is told with 2, and nothing is started', async () => {
    const cwd = temporaryFolder()
    for (const args of [['--chekc'], ['--help'], ['--check', 'x']]) {
      const process = new Process('main.ts', { args, cwd })
      expect((await process.ended).code).toBe(2)
      expect(process.err).toContain(`no argument ${args.at(-1)}`)
    }
    expect(readdirSync(cwd)).toEqual([])
  })

  test('where somebody listens already says so and ends with 1', async () => {
    const foreman = await openForeman()
    const settings = { TARGET: foreman.fake.url, DATA: temporaryFolder(), LISTEN: new URL(foreman.url).host }
    const process = new Process('main.ts', { settings })
    expect(await process.ended).toEqual({ code: 1, signal: null })
    expect(process.err).toMatch(/^foreman cannot listen: .*EADDRINUSE.*\n$/)
  })

  test('at an address that is none of this machine says so and ends with 1', async () => {
    // Without the interface it belongs to, nobody can listen at a link-local address.
    const settings = { DATA: temporaryFolder(), LISTEN: '[fe80::1]:11435', TOKEN: 'a' }
    const process = new Process('main.ts', { settings })
    expect(await process.ended).toEqual({ code: 1, signal: null })
    expect(process.err).toMatch(/^foreman cannot listen: [^\n]*fe80::1[^\n]*\n$/)
  })

  test('on the folder of another foreman says who holds it and ends with 1; the other is not disturbed', async () => {
    const foreman = await openForeman()
    const settings = { TARGET: foreman.fake.url, DATA: foreman.folder, LISTEN: '127.0.0.1:0' }
    const second = new Process('main.ts', { settings })
    expect(await second.ended).toEqual({ code: 1, signal: null })
    expect(second.err).toMatch(
      new RegExp(
        `^foreman cannot start: another foreman \\(process ${process.pid}\\) is using this data folder: .*\\n$`,
      ),
    )
    expect(second.out).toBe('')
    expect((await foreman.ended((await foreman.submit(chat())).id)).state).toBe('done')
    await foreman.close()
    const { process: third } = await startMain({ settings })
    expect(await third.end('SIGTERM')).toEqual(clean)
  })

  test.each([
    ['is a file', 'file'],
    ['is below a file', 'file/data'],
    // Where Node's own way to make a folder never ends.
    ['nobody can make', process.platform === 'linux' ? '/proc/nope' : '/dev/null/nope'],
  ])('on a data folder that %s says so and ends with 1', async (_, path) => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    const DATA = resolve(folder, path)
    const outside = new Process('main.ts', { settings: { DATA, LISTEN: '127.0.0.1:0' } })
    expect(await outside.ended).toEqual({ code: 1, signal: null })
    expect(outside.err).toMatch(/^foreman cannot start: cannot use the data folder [^\n]*\n$/)
    expect(outside.err).toContain(` ${DATA}: E`)
  })

  test('on a damaged database says so and ends with 1', async () => {
    const folder = temporaryFolder()
    writeFileSync(
      join(folder, 'foreman.db'),
      'this is no database, and it is long enough to be read as a header of one…'.repeat(10),
    )
    const process = new Process('main.ts', { settings: { DATA: folder, LISTEN: '127.0.0.1:0' } })
    expect(await process.ended).toEqual({ code: 1, signal: null })
    expect(process.err).toMatch(/^foreman cannot start: .*damaged.*\n$/)
  })
})
