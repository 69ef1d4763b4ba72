// A disk that is full, read-only or broken, at the start and while foreman runs: submits are refused, people pass
// through, nothing that was done is lost.

import Database from 'better-sqlite3'
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, replyOf, type Foreman } from './app.harness.ts'
import { Process, startMain } from './app.outside.ts'
import { eventually, openFake, openTarget, pass, temporaryFolder, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

/** The switch of a disk: while it is off, transactions fail as SQLite fails them; only those of `labels` if given. */
class Disk {
  full = false
  labels: string[] | undefined
  /** So many transactions still fit. */
  room = 0
  refused = 0

  readonly fault = (point: string): void => {
    const [label = '', moment] = point.split(':')
    if (!this.full || moment !== 'inside' || (this.labels && !this.labels.includes(label))) return
    if (this.room-- > 0) return
    this.refused++
    throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
  }
}

/** People are served, jobs are not taken, and both are said. */
async function servesPeopleOnly(foreman: Foreman): Promise<void> {
  const refused = [
    await foreman.post('/jobs', chat()),
    await foreman.post('/jobs/batch', { jobs: [chat(), chat()] }),
    await foreman.post('/jobs', chat('alpha', 'x'.repeat(3_000_000))),
    await foreman.post('/queue/pause'),
  ]
  for (const { status, json } of refused) expect([status, json.code]).toEqual([507, 'storage_full'])
  await expect(foreman.trpc.jobs.submit.mutate(chat() as never)).rejects.toMatchObject({
    data: { problem: { status: 507 } },
  })
  const ready = await foreman.get('/readyz')
  expect([ready.status, (ready.json.checks as object[])[0]]).toEqual([
    503,
    { name: 'store', status: 'fail', detail: expect.any(String) as string },
  ])
  expect((await foreman.get('/livez')).status).toBe(200)
  const answer = await foreman.post('/api/generate', { model: 'alpha', prompt: 'hi', stream: false })
  expect([answer.status, answer.json.done]).toEqual([200, true])
  for (const path of ['/jobs', '/queue', '/target', '/metrics']) expect((await foreman.get(path)).status).toBe(200)
}

describe('a disk that is full', () => {
  test('is seen in the figures, which also see that there is room again, and how much', async () => {
    const disk = new Disk()
    const foreman = await openForeman({ fault: disk.fault })
    const figure = async (name: string) =>
      Number(new RegExp(`^foreman_${name} (.+)$`, 'm').exec((await foreman.get('/metrics')).text)?.[1])
    expect(await figure('store_writable')).toBe(1)
    disk.full = true
    expect((await foreman.post('/jobs', chat())).status).toBe(507)
    expect(await figure('store_writable')).toBe(0)
    disk.full = false
    await eventually(async () => (await figure('store_writable')) === 1)
    const { bsize, blocks } = statfsSync(foreman.folder)
    const free = await figure('store_free_bytes')
    expect(free).toBeGreaterThan(0)
    expect(free).toBeLessThan(bsize * blocks)
  })

  test('refuses submits with 507, and takes them again when there is room; /readyz says both', async () => {
    const disk = new Disk()
    const foreman = await openForeman({ fault: disk.fault })
    const before = await foreman.submit(chat())
    await foreman.ended(before.id)
    disk.full = true
    await servesPeopleOnly(foreman)
    expect((await foreman.get('/jobs')).json.data).toHaveLength(1)
    const refused = disk.refused
    for (let i = 0; i < 5; i++) expect((await foreman.get('/readyz')).status).toBe(503)
    // Anybody may ask, so the disk is asked once a second at most.
    expect(disk.refused - refused).toBeLessThanOrEqual(1)
    disk.full = false
    await eventually(async () => (await foreman.get('/readyz')).status === 200)
    const after = await foreman.submit(chat())
    expect((await foreman.ended(after.id)).state).toBe('done')
    expect(foreman.rows('SELECT DISTINCT blob FROM chunk')).toHaveLength(2 + 6)
  })

  test('is said for as long as no job is taken, whatever else still fits, and in the log once, until a minute has passed without a refusal', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const foreman = await openForeman({ fault: disk.fault, clock })
    const said = () => foreman.lines.flatMap(({ level, msg }) => (/the store/.test(msg) ? [[level, msg]] : []))
    const refused = [40, 'a submit was refused: the store refuses writes']
    const taken = [30, 'the store takes submits again']
    const refuse = async () => {
      disk.full = true
      for (const size of [1, 3_000_000])
        expect((await foreman.post('/jobs', chat('alpha', 'x'.repeat(size)))).status).toBe(507)
    }
    const take = async () => {
      disk.full = false
      await pass(clock, 1000)
      expect((await foreman.get('/readyz')).status).toBe(200)
    }
    disk.labels = ['submit', 'blob', 'ready']
    await refuse()
    expect((await foreman.post('/queue/pause')).status).toBe(200)
    expect((await foreman.get('/readyz')).status).toBe(503)
    expect((await foreman.get('/metrics')).text).toMatch(/^foreman_store_writable 0$/m)
    await take()
    await pass(clock, 50_000)
    await refuse()
    await pass(clock, 60_000)
    await take()
    await pass(clock, 50_000)
    expect(said()).toEqual([refused])
    await pass(clock, 10_000)
    expect(said()).toEqual([refused, taken])
    await refuse()
    expect(said()).toEqual([refused, taken, refused])
  })

  test.each(['load', 'work', 'finish'])(
    'at the %s of a job: it is kept and written later, no other starts, nothing is done twice',
    async (label) => {
      const disk = new Disk()
      const clock = new VirtualClock()
      const foreman = await openForeman({ fault: disk.fault, clock })
      await foreman.post('/queue/pause')
      const job = await foreman.submit(chat())
      const next = await foreman.submit(chat('beta'))
      await foreman.post('/queue/resume')
      disk.labels = [label, 'touch']
      disk.full = true
      await eventually(() => disk.refused > 0)
      await foreman.logged(({ msg }) => msg === 'the store refuses writes')
      expect((await foreman.get('/queue')).json.reason).toBe('storage_failing')
      expect((await foreman.job(next.id)).reason).toBe('storage_failing')
      expect((await foreman.get('/readyz')).status).toBe(503)
      await pass(clock, 12_000)
      await eventually(() => disk.refused >= 3)
      expect((await foreman.job(next.id)).state).toBe('queued')
      disk.full = false
      await pass(clock, 5000)
      for (const { id } of [job, next]) {
        expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1, interruptions: 0 })
        expect(foreman.endings(id)).toBe(1)
      }
      expect(foreman.fake.served).toEqual(['alpha', 'beta'])
      expect(foreman.lines.filter(({ msg }) => /the store (refuses writes|takes writes again)/.test(msg))).toHaveLength(
        2,
      )
      expect((await foreman.get('/readyz')).status).toBe(200)
      await eventually(() => foreman.rows('SELECT * FROM loose').length === 0)
      const stray = 'SELECT blob FROM chunk WHERE blob NOT IN (SELECT body FROM job UNION SELECT blob FROM artifact)'
      expect(foreman.rows(stray)).toEqual([])
    },
  )

  test.each(['load', 'work', 'finish'])(
    'at the %s of a job: people of another model are not held for it',
    async (label) => {
      const disk = new Disk()
      const clock = new VirtualClock()
      const foreman = await openForeman({ fault: disk.fault, clock, settings: { HOLD: '1s' } })
      await foreman.app.target.refresh()
      for (const model of ['alpha', 'beta', 'alpha', 'beta']) {
        await foreman.post('/api/generate', { model, prompt: 'hi', stream: false })
        await foreman.app.target.look()
      }
      await pass(clock, 2_000)
      disk.labels = [label]
      disk.full = true
      const job = await foreman.submit(chat('alpha'))
      await foreman.logged(({ msg }) => msg === 'the store refuses writes')
      const answer = await foreman.post('/api/generate', { model: 'beta', prompt: 'hi', stream: false })
      expect([answer.status, answer.json.done]).toEqual([200, true])
      disk.full = false
      await pass(clock, 10_000)
      expect((await foreman.ended(job.id)).state).toBe('done')
    },
  )

  test('at the start of a job: it is decided about anew, and what has come meanwhile counts', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const foreman = await openForeman({ fault: disk.fault, clock, settings: { HOLD: '0s' } })
    disk.labels = ['load', 'fail', 'touch']
    disk.full = true
    const late = await foreman.submit({ ...chat('alpha'), start_by: new Date(clock.wall() + 30_000).toISOString() })
    await foreman.logged(({ msg }) => msg === 'the store refuses writes')
    const other = await foreman.submit(chat('beta'))
    foreman.fake.fault({ do: 'hang', after: 2 })
    const stay = new AbortController()
    const body = { model: 'gamma', prompt: 'hi' }
    const person = fetch(`${foreman.url}/api/generate`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: stay.signal,
    })
    await (await person).body!.getReader().read()
    await pass(clock, 31_000)
    disk.full = false
    await pass(clock, 10_000)
    expect(await foreman.ended(late.id)).toMatchObject({ state: 'failed', error: { code: 'start_by_passed' } })
    expect(await foreman.job(other.id)).toMatchObject({ state: 'queued', reason: 'yielding_to_people' })
    expect((await foreman.get('/readyz')).status).toBe(200)
    stay.abort()
    expect((await foreman.ended(other.id)).state).toBe('done')
  })

  test('at the end of a job that is canceled then: nothing is kept any more, and /readyz says so', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const foreman = await openForeman({ fault: disk.fault, clock })
    disk.labels = ['finish']
    disk.full = true
    const { id } = await foreman.submit(chat())
    await foreman.logged(({ msg }) => msg === 'the store refuses writes')
    expect((await foreman.post(`/jobs/${id}/cancel`)).json.state).toBe('canceled')
    disk.full = false
    await pass(clock, 5_000)
    await foreman.logged(({ msg }) => msg === 'the store takes writes again')
    expect((await foreman.get('/readyz')).status).toBe(200)
  })

  test('in the middle of a large answer: all of it is kept, and none of it twice', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const content = 'x'.repeat(3_000_000)
    const line = `{"model":"alpha","message":{"role":"assistant","content":"${content}"},"done":true,"eval_count":9}`
    const target = await openTarget(({ answer }) => answer.end(`${line}\n`))
    const foreman = await openForeman({ fault: disk.fault, clock, settings: { TARGET: target } })
    const { id } = await foreman.submit(chat())
    disk.labels = ['blob']
    disk.room = 2
    disk.full = true
    await eventually(() => disk.refused > 0)
    await eventually(() => foreman.rows('SELECT blob FROM chunk').length === 1)
    await pass(clock, 6000)
    await eventually(() => disk.refused > 1)
    disk.full = false
    await pass(clock, 5000)
    const { state, artifacts } = await foreman.ended(id)
    expect([state, artifacts.map(({ size_bytes }) => size_bytes)]).toEqual([
      'done',
      [3_000_000, line.length, line.length + 1],
    ])
    await eventually(() => foreman.rows('SELECT * FROM loose').length === 0)
    expect(foreman.rows('SELECT DISTINCT blob FROM chunk')).toHaveLength(4)
  })

  test('at the failure of a job: that is kept as well', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const foreman = await openForeman({ fault: disk.fault, clock })
    disk.labels = ['fail', 'back_off']
    disk.full = true
    foreman.fake.fault({ do: 'busy' })
    const missing = await foreman.submit(chat('nobody'))
    await eventually(() => disk.refused > 0)
    disk.full = false
    await pass(clock, 5000)
    expect(await foreman.ended(missing.id)).toMatchObject({ state: 'failed', error: { code: 'model_missing' } })
    disk.full = true
    disk.refused = 0
    const busy = await foreman.submit(chat())
    await eventually(() => disk.refused > 0)
    disk.full = false
    await pass(clock, 5000)
    await foreman.reached(busy.id, 'back_off')
    expect(await foreman.job(busy.id)).toMatchObject({ state: 'queued', attempt: 1 })
  })

  test('at a stop: foreman does not wait for it, and the job runs again after the next start', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const foreman = await openForeman({ fault: disk.fault, clock })
    disk.labels = ['finish', 'interrupt']
    disk.full = true
    const { id } = await foreman.submit(chat())
    await eventually(() => disk.refused > 0)
    await foreman.close()
    disk.full = false
    await foreman.start()
    expect(foreman.app.recovered).toBe(1)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', interruptions: 1 })
    expect(foreman.endings(id)).toBe(1)
  })

  test('at the start: what ran before is recovered as soon as there is room, and before anything else starts', async () => {
    const disk = new Disk()
    const clock = new VirtualClock()
    const foreman = await openForeman({ fault: disk.fault, clock, settings: { HOLD: '0s' } })
    disk.labels = ['interrupt']
    foreman.fake.fault({ do: 'hang', after: 2 })
    const running = await foreman.submit(chat())
    await foreman.reached(running.id, 'working')
    const waiting = await foreman.submit(chat('beta'))
    disk.full = true
    // The job cannot be put back in order: for the next foreman it is as if this one had been killed.
    const closed = foreman.close()
    await turns()
    await pass(clock, 11_000)
    await closed
    await foreman.start()
    expect(foreman.app.recovered).toBe(0)
    await servedButWaiting(foreman)
    await pass(clock, 20_000)
    expect((await foreman.job(running.id)).state).toBe('working')
    expect(await foreman.job(waiting.id)).toMatchObject({ state: 'queued', reason: 'storage_failing' })
    disk.full = false
    await pass(clock, 5000)
    expect(await foreman.ended(running.id)).toMatchObject({ state: 'done', interruptions: 1 })
    expect(await foreman.ended(waiting.id)).toMatchObject({ state: 'done', interruptions: 0 })
  })

  async function servedButWaiting(foreman: Foreman): Promise<void> {
    expect((await foreman.get('/readyz')).status).toBe(503)
    expect((await foreman.post('/api/generate', { model: 'gamma', prompt: 'hi', stream: false })).status).toBe(200)
  }

  test('for real: a process that may write no larger file', async () => {
    const fake = await openFake()
    const settings = { TARGET: fake.url, DATA: temporaryFolder() }
    // 1 MB a file: the log of the database reaches that soon.
    const { process, url } = await startMain({ settings, fileBlocks: 2048 })
    const post = async (path: string, body: object) =>
      replyOf(
        await fetch(url + path, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      )
    await post('/queue/pause', {})
    const taken: string[] = []
    // A large one is refused first, then smaller ones, in the end the smallest.
    for (const size of [150_000, 10_000, 1]) {
      for (let status = 202; status === 202;) {
        const answer = await post('/jobs', chat('alpha', 'hello', { ignored: 'x'.repeat(size) }))
        status = answer.status
        if (status === 202) taken.push(String(answer.json.id))
        else expect([status, answer.json.code]).toEqual([507, 'storage_full'])
      }
    }
    expect(taken.length).toBeGreaterThan(0)
    // What /readyz tries is no smaller than a job: it goes through where jobs do.
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^foreman_store_writable 0$/m)
    expect((await post('/jobs', chat())).status).toBe(507)
    expect((await post('/api/generate', { model: 'alpha', prompt: 'x', stream: false })).status).toBe(200)
    await process.end('SIGTERM')
    const foreman = await openForeman({ fake, folder: settings.DATA })
    await foreman.post('/queue/resume')
    for (const id of taken) expect((await foreman.ended(id)).state).toBe('done')
    expect((await foreman.get('/jobs')).json.data).toHaveLength(taken.length)
  })
})

describe('a folder that cannot be written at the start', () => {
  test('with nothing in it: foreman starts, for people only', async () => {
    const folder = join(temporaryFolder(), 'data')
    // A folder in the place of the lock: nobody, root included, can write a file there.
    mkdirSync(join(folder, 'foreman.lock'), { recursive: true })
    const foreman = await openForeman({ folder })
    await servesPeopleOnly(foreman)
  })

  test('with jobs in it: they can be read, and wait', async () => {
    const first = await openForeman()
    const done = await first.submit(chat())
    await first.ended(done.id)
    await first.post('/queue/pause')
    const waiting = await first.submit(chat())
    await first.post('/queue/resume')
    await first.ended(waiting.id)
    await first.close()
    rmSync(join(first.folder, 'foreman.lock'))
    mkdirSync(join(first.folder, 'foreman.lock'))
    const foreman = await openForeman({ fake: first.fake, folder: first.folder })
    await servesPeopleOnly(foreman)
    expect(await foreman.job(done.id)).toMatchObject({ state: 'done' })
    expect((await foreman.job(done.id, '?include=response')).response).toMatchObject({ done: true })
    expect((await foreman.get('/jobs')).json.data).toHaveLength(2)
  })
})

describe('a folder whose files may only be read', () => {
  test.runIf(process.getuid?.() === 0)(
    'by somebody who is not root: what was acknowledged is shown, and said why',
    async () => {
      const first = await openForeman()
      const done = await first.submit(chat())
      await first.ended(done.id)
      await first.close()
      for (const name of readdirSync(first.folder)) chmodSync(join(first.folder, name), 0o444)
      chmodSync(first.folder, 0o555)
      process.seteuid?.(65534)
      try {
        const foreman = await openForeman({ fake: first.fake, folder: first.folder })
        await servesPeopleOnly(foreman)
        expect(await foreman.job(done.id)).toMatchObject({ state: 'done' })
        expect((await foreman.get('/jobs')).json.data).toHaveLength(1)
        await foreman.logged(({ level, reason, msg }) => level === 50 && !!reason && msg.includes('cannot be written'))
      } finally {
        process.seteuid?.(0)
      }
    },
  )
})

test('damage that only the first look into the rows finds is one plain line', async () => {
  const first = await openForeman()
  await first.ended((await first.submit(chat())).id)
  await first.close()
  const path = join(first.folder, 'foreman.db')
  const db = new Database(path)
  const root = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'tally'").pluck().get() as number
  db.close()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4096, 0xab), 0, 4096, (root - 1) * 4096)
  closeSync(file)
  const settings = { DATA: first.folder, TARGET: first.fake.url, LISTEN: '127.0.0.1:0' }
  const outside = new Process('main.ts', { settings })
  expect(await outside.ended).toMatchObject({ code: 1 })
  expect(outside.err).toBe(
    `foreman cannot start: ${path} is damaged (database disk image is malformed): restore a backup or move it away\n`,
  )
})

test('an error nobody thought of fails the job as internal, is logged whole, and the next job runs', async () => {
  const clock = new VirtualClock()
  let broken = true
  const fault = (point: string) => {
    if (broken && point === 'finish:inside') throw new TypeError('nobody thought of this')
  }
  const foreman = await openForeman({ fault, clock })
  const { id } = await foreman.submit(chat())
  const job = await foreman.ended(id)
  expect(job).toMatchObject({ state: 'failed', error: { code: 'internal' } })
  expect(JSON.stringify(job)).not.toContain('nobody thought')
  await foreman.logged(({ msg, err }) => msg === 'worker' && JSON.stringify(err).includes('nobody thought of this'))
  broken = false
  const next = await foreman.submit(chat())
  await pass(clock, 6000)
  expect((await foreman.ended(next.id)).state).toBe('done')
})
