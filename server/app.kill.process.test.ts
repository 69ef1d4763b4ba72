// kill -9 at every boundary of a commit and in every state: nothing that was acknowledged is lost, nothing ends twice.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, replyOf, type Foreman } from './app.harness.ts'
import { Process } from './app.outside.ts'
import { eventually, openFake, pass, temporaryFolder } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake } from './ollama/fake/fake.ts'
import type { Job } from './job/schema.ts'

/** A foreman of its own that dies at a point, spoken to over HTTP until it does. */
class Victim {
  readonly process: Process
  readonly fake: Fake
  readonly folder: string
  url = ''
  /** What it acknowledged with 202. */
  acknowledged: string[] = []

  constructor(fake: Fake, folder: string, point: string, nth = 1, more: Record<string, string> = {}) {
    this.fake = fake
    this.folder = folder
    const settings = { TARGET: fake.url, DATA: folder, LISTEN: '127.0.0.1:0', ...more }
    this.process = new Process('app.child.ts', { settings, args: [point, String(nth)] })
  }

  /** Starts it; `before` says what happens while it cannot decide anything yet. */
  static async start(point: string, nth = 1, fake?: Fake, folder = temporaryFolder()): Promise<Victim> {
    const victim = new Victim(fake ?? (await openFake()), folder, point, nth)
    victim.url = (await victim.process.said(/http:\S+/))[0]
    return victim
  }

  /** The answer, or undefined when it died before it could be read. */
  async call(method: string, path: string, body?: object | string) {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    const headers = text === undefined ? undefined : { 'content-type': 'application/json' }
    try {
      return await replyOf(await fetch(this.url + path, { method, body: text, headers }))
    } catch {
      return undefined
    }
  }

  async submit(input: object | string): Promise<string | undefined> {
    const answer = await this.call('POST', '/jobs', input)
    const id = answer?.status === 202 ? String(answer.json.id) : undefined
    if (id) this.acknowledged.push(id)
    return id
  }

  /** Waits for the state of a job, by asking. */
  async reached(id: string, state: string): Promise<void> {
    await eventually(async () => (await this.call('GET', `/jobs/${id}`))?.json.state === state)
  }

  async died(): Promise<void> {
    expect(await this.process.ended).toEqual({ code: null, signal: 'SIGKILL' })
  }

  /** foreman again, on the same folder, in this process. */
  again(clock?: VirtualClock): Promise<Foreman> {
    return openForeman({ fake: this.fake, folder: this.folder, clock })
  }
}

/** Everything there is has ended as `done`, once; nothing acknowledged is missing. */
async function allDone(foreman: Foreman, acknowledged: readonly string[]): Promise<Job[]> {
  const there = ((await foreman.get('/jobs?limit=200')).json.data as Job[]).map(({ id }) => id)
  for (const id of acknowledged) expect(there).toContain(id)
  const jobs: Job[] = []
  for (const id of there) {
    jobs.push(await foreman.ended(id))
    expect(jobs.at(-1)).toMatchObject({ state: 'done', attempt: 1 })
    expect(foreman.endings(id)).toBe(1)
    expect((await foreman.job(id, '?include=response')).response).toMatchObject({ done: true })
  }
  whole(foreman)
  return jobs
}

/** The database says what the law says. */
function whole(foreman: Foreman): void {
  expect(foreman.rows('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(foreman.rows('PRAGMA foreign_key_check')).toEqual([])
  const stray =
    'SELECT DISTINCT blob FROM chunk WHERE blob NOT IN (SELECT body FROM job UNION SELECT blob FROM artifact UNION SELECT blob FROM loose)'
  expect(foreman.rows(stray)).toEqual([])
  const last =
    'SELECT id FROM job WHERE state <> (SELECT state FROM event WHERE event.job = job.seq ORDER BY seq DESC LIMIT 1)'
  expect(foreman.rows(last)).toEqual([])
  const counted = 'SELECT state, count(*) AS n FROM job GROUP BY state'
  for (const { state, n } of foreman.rows<{ state: 'done'; n: number }>(counted))
    expect(foreman.app.queue.total(state)).toBe(n)
}

const moments = ['before', 'inside', 'after'] as const
type Moment = (typeof moments)[number]

/** What the disk says before a commit begins is what it says inside it: told apart only where more was done before. */
const withMore = ['submit', 'load', 'work', 'finish', 'interrupt', 'blob', 'sweep', 'vacuum']

/** The same story at the moments of a commit, at once: most of it is processes starting. */
function atEachMoment(
  happening: string,
  promise: string,
  story: (moment: Moment, point: string) => Promise<void>,
): void {
  test(`${happening}: ${promise}`, async () => {
    const all = withMore.includes(happening) ? moments : moments.slice(1)
    const stories = all.map((moment) =>
      story(moment, `${happening}:${moment}`).catch((cause: unknown) => {
        throw new Error(`killed at ${happening}:${moment}: ${(cause as Error).message}`, { cause })
      }),
    )
    for (const { reason } of (await Promise.allSettled(stories)) as PromiseRejectedResult[]) if (reason) throw reason
  })
}

describe('killed at a commit', () => {
  atEachMoment(
    'submit',
    'what was acknowledged runs, what was not is either whole or not there',
    async (moment, point) => {
      const victim = await Victim.start(point, 4)
      await victim.call('POST', '/queue/pause')
      for (let i = 0; i < 4; i++) await victim.submit({ ...chat(), labels: { n: String(i) } })
      await victim.died()
      expect(victim.acknowledged).toHaveLength(3)
      const foreman = await victim.again()
      await foreman.post('/queue/resume')
      expect(await allDone(foreman, victim.acknowledged)).toHaveLength(moment === 'after' ? 4 : 3)
    },
  )

  atEachMoment('submit', 'a batch is there as a whole, or not at all', async (moment, point) => {
    const victim = await Victim.start(point)
    await victim.call('POST', '/queue/pause')
    const jobs = Array.from({ length: 20 }, (_, i) => ({ ...chat(), idempotency_key: `k${i}` }))
    expect(await victim.call('POST', '/jobs/batch', { jobs })).toBeUndefined()
    await victim.died()
    const foreman = await victim.again()
    expect((await foreman.get('/jobs')).json.data).toHaveLength(moment === 'after' ? 20 : 0)
    // Whoever was not told asks again, and has each job once.
    const again = await foreman.post('/jobs/batch', { jobs })
    expect(new Set((again.json.data as Job[]).map(({ id }) => id)).size).toBe(20)
    expect((await foreman.get('/jobs')).json.data).toHaveLength(20)
    whole(foreman)
  })

  // The first of two on one model has its runner loaded, the second finds it in memory.
  for (const [which, happening] of [
    [1, 'load'],
    [1, 'work'],
    [2, 'load'],
    [2, 'work'],
    [2, 'finish'],
  ] as const) {
    const told = `job ${which} of a turn was running, goes back at no cost, and ends once`
    atEachMoment(happening, told, async (moment, point) => {
      const victim = await Victim.start(point, which)
      const { acknowledged } = victim
      await victim.call('POST', '/queue/pause')
      for (const model of ['alpha', 'alpha', 'beta']) await victim.submit(chat(model))
      await victim.call('POST', '/queue/resume')
      await victim.died()
      const foreman = await victim.again()
      // Newest first.
      const jobs = await allDone(foreman, acknowledged)
      expect(jobs).toHaveLength(3)
      // Where nothing is to be loaded the work begins with the same commit.
      const begins = happening === 'load' || (happening === 'work' && which === 2)
      const running = begins ? moment === 'after' : point !== 'finish:after'
      expect(jobs.map(({ interruptions }) => interruptions)).toEqual(
        [3, 2, 1].map((n) => Number(running && n === which)),
      )
      expect(foreman.app.recovered).toBe(Number(running))
      // A run that was not committed is done again, and only that one.
      const again = happening === 'finish' && running
      expect(victim.fake.served).toHaveLength(again ? 4 : 3)
    })
  }

  atEachMoment('fail', 'the job fails, once', async (moment, point) => {
    const victim = await Victim.start(point)
    const id = (await victim.submit(chat('nobody'))) ?? ''
    await victim.died()
    const foreman = await victim.again()
    const job = await foreman.ended(id)
    expect(job).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'model_missing', target_status: 404 } })
    expect(job.interruptions).toBe(moment === 'after' ? 0 : 1)
    expect(foreman.endings(id, 'failed')).toBe(1)
    whole(foreman)
  })

  atEachMoment(
    'back_off',
    'the job runs again, and its attempt counts if that was committed',
    async (moment, point) => {
      const victim = await Victim.start(point)
      victim.fake.fault({ do: 'busy' })
      const id = (await victim.submit(chat())) ?? ''
      await victim.died()
      const clock = new VirtualClock(Date.now())
      const foreman = await victim.again(clock)
      if (moment === 'after') {
        expect(await foreman.job(id)).toMatchObject({
          state: 'queued',
          attempt: 1,
          interruptions: 0,
          reason: 'backing_off',
        })
        await pass(clock, 7000)
      }
      const job = await foreman.ended(id)
      expect(job).toMatchObject(
        moment === 'after' ? { attempt: 2, interruptions: 0 } : { attempt: 1, interruptions: 1 },
      )
      expect(foreman.endings(id)).toBe(1)
      whole(foreman)
    },
  )

  atEachMoment('give_back', 'the job runs when the target is back, at no cost', async (moment, point) => {
    const victim = await Victim.start(point)
    await victim.call('POST', '/queue/pause')
    const id = (await victim.submit(chat())) ?? ''
    await victim.fake.refuse()
    await victim.call('POST', '/queue/resume')
    await victim.died()
    await victim.fake.listen()
    const foreman = await victim.again()
    const [job] = await allDone(foreman, [id])
    expect(job?.interruptions).toBe(moment === 'after' ? 0 : 1)
  })

  atEachMoment('cancel', 'the job is canceled or it is not', async (moment, point) => {
    const victim = await Victim.start(point)
    victim.fake.fault({ do: 'hang', after: 2 })
    const running = (await victim.submit(chat())) ?? ''
    await victim.reached(running, 'working')
    await victim.call('POST', `/jobs/${running}/cancel`)
    await victim.died()
    const foreman = await victim.again()
    const job = await foreman.ended(running)
    expect(job).toMatchObject({
      state: moment === 'after' ? 'canceled' : 'done',
      interruptions: moment === 'after' ? 0 : 1,
    })
    expect(foreman.endings(running, 'done') + foreman.endings(running, 'canceled')).toBe(1)
    whole(foreman)
  })

  atEachMoment('interrupt', 'a kill during recovery is recovered from', async (_, point) => {
    const victim = await Victim.start('work:after')
    const id = (await victim.submit(chat())) ?? ''
    await victim.died()
    const second = new Victim(victim.fake, victim.folder, point)
    await second.died()
    expect(second.process.out).toBe('')
    const foreman = await victim.again()
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1, interruptions: 1 })
    expect(foreman.endings(id)).toBe(1)
    whole(foreman)
  })

  atEachMoment('retry', 'the job is queued again or still failed', async (moment, point) => {
    const victim = await Victim.start(point)
    const id = (await victim.submit(chat('later'))) ?? ''
    await victim.reached(id, 'failed')
    victim.fake.addModel('later')
    await victim.call('POST', `/jobs/${id}/retry`)
    await victim.died()
    const foreman = await victim.again()
    const job = await foreman.ended(id)
    expect(job.state).toBe(moment === 'after' ? 'done' : 'failed')
    expect(job.artifacts.map(({ partial }) => partial)).toEqual(moment === 'after' ? [false, false, false] : [])
    whole(foreman)
  })

  atEachMoment('delete', 'the job is whole or gone', async (moment, point) => {
    const victim = await Victim.start(point)
    const id = (await victim.submit(chat())) ?? ''
    await victim.reached(id, 'done')
    await victim.call('DELETE', `/jobs/${id}`)
    await victim.died()
    const foreman = await victim.again()
    if (moment === 'after') {
      expect((await foreman.get(`/jobs/${id}`)).status).toBe(410)
      await eventually(() => foreman.rows('SELECT * FROM chunk').length === 0)
    } else {
      await allDone(foreman, [id])
      expect((await foreman.call('DELETE', `/jobs/${id}`)).status).toBe(204)
    }
    whole(foreman)
  })

  for (const happening of ['purge', 'sweep', 'vacuum']) {
    atEachMoment(
      happening,
      'what had its time is whole or gone, and the next foreman erases the rest',
      async (_, point) => {
        const fake = await openFake()
        const folder = temporaryFolder()
        const first = await openForeman({ fake, folder })
        const prompt = 'x'.repeat(6_000_000)
        const large = { request: { endpoint: '/api/generate', body: { model: 'alpha', prompt } } }
        const made = await Promise.all([chat(), large, chat()].map((input) => first.submit(input)))
        for (const { id } of made) await first.ended(id)
        await first.close()
        const settings = { KEEP_DONE: '1ms' }
        const victim = new Victim(fake, folder, point, 1, settings)
        await victim.died()
        const foreman = await victim.again()
        const gone = !['purge:before', 'purge:inside'].includes(point)
        for (const { id } of made) expect((await foreman.get(`/jobs/${id}`)).status).toBe(gone ? 410 : 200)
        if (!gone)
          await allDone(
            foreman,
            made.map(({ id }) => id),
          )
        whole(foreman)
        await foreman.restart({ settings })
        await eventually(() => foreman.rows('SELECT blob FROM chunk UNION ALL SELECT blob FROM loose').length === 0)
        await eventually(
          () => foreman.rows<{ freelist_count: number }>('PRAGMA freelist_count')[0]!.freelist_count <= 1024,
        )
        expect((await foreman.get('/jobs')).json.data).toEqual([])
        whole(foreman)
      },
    )
  }

  atEachMoment(
    'blob',
    'nobody was told of the job, and what there was of its large body is swept',
    async (_, point) => {
      const victim = await Victim.start(point, 3)
      const prompt = 'x'.repeat(4_000_000)
      const id = await victim.submit({ request: { endpoint: '/api/generate', body: { model: 'alpha', prompt } } })
      expect(id).toBeUndefined()
      await victim.died()
      const foreman = await victim.again()
      expect((await foreman.get('/jobs')).json.data).toEqual([])
      const bytes = 'SELECT blob FROM chunk UNION ALL SELECT blob FROM loose'
      await eventually(() => foreman.rows(bytes).length === 0)
    },
  )
})

describe('killed from outside', () => {
  test.each(['queued', 'loading', 'working'])('while a job is %s, it is queued again and ends once', async (state) => {
    const load = Promise.withResolvers<void>()
    const fake = await openFake({ loadMs: load.promise })
    const victim = await Victim.start('none', 1, fake)
    if (state === 'queued') await victim.call('POST', '/queue/pause')
    if (state === 'working') {
      load.resolve()
      fake.fault({ do: 'hang', after: 3 })
    }
    const id = (await victim.submit(chat())) ?? ''
    const waiting = (await victim.submit(chat('beta'))) ?? ''
    await victim.reached(id, state)
    if (state === 'working') await fake.until(() => fake.ledger.running === 1)
    expect(await victim.process.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
    load.resolve()
    const foreman = await victim.again()
    if (state === 'queued') await foreman.post('/queue/resume')
    const jobs = await allDone(foreman, [id, waiting])
    expect(jobs.find((job) => job.id === id)?.interruptions).toBe(state === 'queued' ? 0 : 1)
    expect(jobs.find((job) => job.id === waiting)?.interruptions).toBe(0)
    // The connection of the dead one was the target's only sign, and it was enough.
    if (state === 'working') expect(fake.ledger.aborted).toBeGreaterThan(0)
  })

  test('six times in the middle of a job: it has failed as interrupted, and the next one is not touched', async () => {
    const fake = await openFake()
    const folder = temporaryFolder()
    const first = await Victim.start('work:after', 1, fake, folder)
    const id = (await first.submit(chat())) ?? ''
    await first.died()
    for (let i = 0; i < 5; i++) await new Victim(fake, folder, 'work:after').died()
    const foreman = await openForeman({ fake, folder })
    expect(await foreman.ended(id)).toMatchObject({
      state: 'failed',
      interruptions: 6,
      error: { code: 'interrupted' },
    })
    const next = await foreman.submit(chat())
    expect((await foreman.ended(next.id)).state).toBe('done')
    whole(foreman)
  })
})
