// Callers who change their mind or leave: a cancel in every state and in the moment of done, a wait or a submit whose
// caller is gone.

import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Reply } from './app.harness.ts'
import { eventually, openFake, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Job } from './job/schema.ts'
import type { Seen } from './ollama/fake/ledger.ts'

const cancel = (foreman: Foreman, id: string): Promise<Reply> => foreman.post(`/jobs/${id}/cancel`)
const works = (seen: Seen) => seen.purpose === 'work'

/** Bytes that belong to nothing. */
const stray = 'SELECT blob FROM chunk WHERE blob NOT IN (SELECT body FROM job UNION SELECT blob FROM artifact)'

/** The terminal states in the history of a job, and what they left. */
function history(foreman: Foreman, id: string) {
  const events = 'SELECT event.state FROM event JOIN job ON job.seq = event.job WHERE job.id = ? ORDER BY event.seq'
  const states = foreman.rows<{ state: string }>(events, id).map(({ state }) => state)
  const artifacts = 'SELECT name FROM artifact JOIN job ON job.seq = artifact.job WHERE job.id = ?'
  return {
    ends: states.filter((state) => /done|failed|canceled/.test(state)),
    artifacts: foreman.rows(artifacts, id).length,
  }
}

describe('a cancel', () => {
  test('of a queued job: it never runs', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit(chat())
    const answer = await cancel(foreman, id)
    expect([answer.status, answer.json.state]).toEqual([200, 'canceled'])
    expect(answer.json.finished_at).toEqual(expect.any(String))
    await foreman.post('/queue/resume')
    await foreman.ended((await foreman.submit(chat())).id)
    expect(foreman.fake.served).toHaveLength(1)
  })

  test('of a job that backs off', async () => {
    const clock = new VirtualClock()
    const foreman = await openForeman({ clock })
    foreman.fake.fault({ do: 'busy' })
    const { id } = await foreman.submit(chat())
    await foreman.reached(id, 'back_off')
    expect((await cancel(foreman, id)).json).toMatchObject({ state: 'canceled', attempt: 1 })
    await pass(clock, 10_000)
    expect((await foreman.job(id)).state).toBe('canceled')
    expect((await foreman.get('/queue')).json).toMatchObject({ states: { queued: 0, canceled: 1 } })
  })

  test('of a loading job reaches the target, and the next job starts', async () => {
    const load = Promise.withResolvers<void>()
    const fake = await openFake({ loadMs: (model) => (model.startsWith('alpha') ? load.promise : 0) })
    const foreman = await openForeman({ fake })
    const { id } = await foreman.submit(chat())
    await fake.until(() => fake.requests.some((seen) => seen.purpose === 'load'))
    expect((await cancel(foreman, id)).json).toMatchObject({ state: 'canceled' })
    await fake.until(() => fake.ledger.abortedLoads === 1)
    expect((await foreman.ended((await foreman.submit(chat('beta'))).id)).state).toBe('done')
    expect(foreman.endings(id, 'canceled')).toBe(1)
    load.resolve()
  })

  test('of a working job reaches the target, and nothing of the answer stays', async () => {
    const foreman = await openForeman()
    const { fake } = foreman
    fake.fault({ do: 'hang', after: 3 })
    const { id } = await foreman.submit(chat())
    await eventually(async () => (await foreman.job(id)).progress?.tokens === 3)
    expect((await cancel(foreman, id)).json).toMatchObject({ state: 'canceled', artifacts: [] })
    await fake.until(() => fake.requests.find(works)?.outcome === 'aborted')
    expect(history(foreman, id)).toEqual({ ends: ['canceled'], artifacts: 0 })
    expect((await foreman.ended((await foreman.submit(chat())).id)).state).toBe('done')
  })

  test('repeated is answered the same; the log and the figures tell of it once', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit(chat())
    const [first, ...others] = await Promise.all([cancel(foreman, id), cancel(foreman, id), cancel(foreman, id)])
    others.push(await cancel(foreman, id))
    for (const answer of others) expect([answer.status, answer.json]).toEqual([200, first.json])
    expect(history(foreman, id).ends).toEqual(['canceled'])
    expect(foreman.lines.filter(({ state }) => state === 'canceled')).toHaveLength(1)
    expect((await foreman.get('/metrics')).text).toContain(
      'foreman_jobs_finished_total{state="canceled",code="none"} 1\n',
    )
  })

  test('of a job that is done or failed is a conflict, and changes nothing', async () => {
    const foreman = await openForeman()
    for (const [model, state] of [
      ['alpha', 'done'],
      ['nobody', 'failed'],
    ] as const) {
      const { id } = await foreman.submit(chat(model))
      const job = await foreman.ended(id)
      expect((await cancel(foreman, id)).json).toMatchObject({ status: 409, code: 'conflict', job_id: id })
      await expect(foreman.trpc.jobs.cancel.mutate({ id })).rejects.toMatchObject({
        data: { code: 'CONFLICT', problem: { status: 409 } },
      })
      expect(await foreman.job(id)).toEqual(job)
      expect(job.state).toBe(state)
    }
  })

  test('that meets done: whichever is first is the truth, for everybody', async () => {
    const foreman = await openForeman()
    const seen = { canceled: 0, done: 0 }
    for (let i = 0; i < 50; i++) {
      const last = Promise.withResolvers<void>()
      foreman.fake.fault({ do: 'hang', after: 100, until: last.promise })
      const { id } = await foreman.submit(chat())
      await eventually(() => foreman.app.queue.find(id).state === 'working')
      await eventually(async () => (await foreman.job(id)).progress?.tokens === 8)
      const waiting = foreman.ended(id)
      // From a cancel well before the last word to one well after it.
      const early = i % 2 === 0
      const asked = early ? cancel(foreman, id) : undefined
      await turns(Math.floor(i / 4))
      last.resolve()
      if (!early) await turns(Math.floor(i / 4))
      const answer = await (asked ?? cancel(foreman, id))
      const job = await waiting
      expect(answer.status).toBe(job.state === 'canceled' ? 200 : 409)
      expect(await foreman.job(id)).toEqual(job)
      expect(history(foreman, id)).toEqual({ ends: [job.state], artifacts: job.state === 'done' ? 3 : 0 })
      seen[job.state as 'done']++
    }
    expect(seen.canceled).toBeGreaterThan(0)
    expect(seen.done).toBeGreaterThan(0)
    expect((await foreman.get('/queue')).json.states).toMatchObject({ ...seen, queued: 0, loading: 0, working: 0 })
    expect(foreman.rows(stray)).toEqual([])
  })
})

describe('a caller who leaves', () => {
  test.each(['GET', 'POST', 'tRPC'])('while waiting (%s) leaves nothing behind, and the job goes on', async (how) => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit(chat())
    const leaving = new AbortController()
    const { signal } = leaving
    const calls = Array.from({ length: 10 }, () => {
      if (how === 'GET') return foreman.call('GET', `/jobs/${id}?wait=60`, { signal })
      if (how === 'POST') return foreman.call('POST', '/jobs?wait=60', { body: chat(), signal })
      return foreman.trpc.jobs.get.query({ id, wait: 60 }, { signal })
    })
    const gone = Promise.allSettled(calls)
    await eventually(() => foreman.app.queue.vigil.size === 10)
    leaving.abort()
    expect((await gone).map(({ status }) => status)).toEqual(calls.map(() => 'rejected'))
    await eventually(() => foreman.app.queue.vigil.size === 0)
    await foreman.post('/queue/resume')
    for (const job of (await foreman.get('/jobs')).json.data as Job[])
      expect((await foreman.ended(job.id)).state).toBe('done')
    expect(foreman.lines.filter(({ msg }) => msg === 'internal error')).toEqual([])
  })

  test('in a submit, at any byte of it: the job is stored or it is not', async () => {
    const foreman = await openForeman()
    const sent: number[] = []
    const body = (n: number) => JSON.stringify({ ...chat('alpha', 'x'.repeat(3000)), labels: { n: String(n) } })
    const head = (n: number) =>
      `POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body(n).length}\r\n\r\n`
    const port = Number(new URL(foreman.url).port)
    const steps = 40
    for (let n = 0; n < steps; n++) {
      const text = head(n) + body(n)
      // The last ones send all of it, and leave before, at, or after the moment it is read.
      const cut = n < 20 ? Math.floor((text.length * n) / 20) : text.length
      const socket = connect(port, '127.0.0.1')
      await new Promise<void>((resolve) => socket.once('connect', resolve))
      await new Promise<void>((resolve) => socket.write(text.slice(0, cut), () => resolve()))
      await turns(Math.max(0, n - 20))
      if (n % 2) socket.destroy()
      else socket.resetAndDestroy()
      if (cut === text.length) sent.push(n)
    }
    // A submit that is answered is behind all of them in the same queue of writes.
    await turns(20)
    const last = await foreman.submit({ ...chat(), labels: { n: 'last' } })
    const jobs = ((await foreman.get('/jobs?limit=200')).json.data as Job[]).filter(({ id }) => id !== last.id)
    const stored = jobs.map(({ labels }) => Number(labels.n))
    for (const n of stored) expect(sent).toContain(n)
    expect(stored.length).toBeGreaterThan(0)
    for (const { id, labels } of jobs) {
      expect((await foreman.ended(id)).state).toBe('done')
      const { text } = await foreman.get(`/jobs/${id}?include=request`)
      expect(text).toContain(`"body":${JSON.stringify(chat('alpha', 'x'.repeat(3000)).request.body)}`)
      expect(labels).toEqual({ n: labels.n })
    }
    await foreman.ended(last.id)
    await foreman.restart()
    expect(((await foreman.get('/jobs?limit=200')).json.data as Job[]).map(({ id }) => id)).toEqual(
      [last, ...jobs].map(({ id }) => id),
    )
    expect(foreman.rows('SELECT * FROM loose')).toEqual([])
    expect(foreman.rows(stray)).toEqual([])
    expect(foreman.lines.filter(({ level }) => Number(level) >= 50)).toEqual([])
  })

  test('in the middle of a large body: nothing of it stays on disk', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const port = Number(new URL(foreman.url).port)
    const text = JSON.stringify(chat('alpha', 'x'.repeat(8_000_000)))
    const head = `POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}`
    for (const part of [0.3, 0.999, 1]) {
      const socket = connect(port, '127.0.0.1')
      await new Promise<void>((resolve) => socket.once('connect', resolve))
      socket.on('error', () => {})
      socket.write(`${head}\r\n\r\n`)
      await new Promise<void>((resolve) => socket.write(text.slice(0, text.length * part), () => resolve()))
      socket.destroy()
    }
    await turns()
    const whole = await foreman.submit({ ...chat('alpha', 'x'.repeat(8_000_000)) })
    await foreman.restart()
    await eventually(() => foreman.rows('SELECT * FROM loose').length === 0)
    const jobs = (await foreman.get('/jobs')).json.data as Job[]
    expect(jobs.map(({ id }) => id)).toContain(whole.id)
    expect([1, 2]).toContain(jobs.length)
    expect(foreman.rows(stray)).toEqual([])
    const sizes =
      'SELECT body_bytes AS said, sum(length(bytes)) AS there FROM job JOIN chunk ON blob = body GROUP BY job.seq'
    for (const { said, there } of foreman.rows<{ said: number; there: number }>(sizes)) expect(there).toBe(said)
  })
})
