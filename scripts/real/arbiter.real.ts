// People and jobs before one arbiter: loads are counted by the target itself, and who waits for whom is seen from outside.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { tinyA, tinyB, tinyEndless } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

/** Four runners: three models, one of them in two sizes. */
const runners = [
  { model: tinyA, options: {} },
  { model: tinyB, options: {} },
  { model: tinyEndless, options: {} },
  { model: tinyA, options: { num_ctx: 1024 } },
]
type Runner = (typeof runners)[number]
const [a, b, c] = runners as [Runner, Runner, Runner, Runner]

/** Times of the law, as short as the loads of tiny models. */
const quick = { PEOPLE_PATIENCE: '1s', PATIENCE: '5s', HOLD: '1s', YIELD_MAX: '2s', CLAIM: '1s' }

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  let foreman: Foreman
  beforeAll(async () => {
    target = await start({ name: 'arbiter' })
  })
  afterAll(() => target.stop())

  async function open(settings: Record<string, string> = {}, at = target): Promise<void> {
    foreman = await openForeman({ settings: { TARGET: at.url, ...quick, ...settings }, random: () => 0 })
    await foreman.app.target.refresh()
  }
  beforeEach(() => open())

  /** A person's chat, answered whole; three tokens are a few milliseconds. */
  const ask = async ({ model, options }: Runner, num_predict = 3): Promise<number> => {
    const messages = [{ role: 'user', content: 'amber' }]
    return (await foreman.post('/api/chat', { model, messages, stream: false, options: { ...options, num_predict } }))
      .status
  }

  /** Lets foreman see each pair, one after the other, and what is in memory after each. */
  async function learn(): Promise<void> {
    for (const [i, one] of runners.entries()) {
      for (const other of runners.slice(i + 1)) {
        for (const runner of [one, other]) {
          expect(await ask(runner)).toBe(200)
          await foreman.app.target.look()
        }
      }
    }
  }

  async function burst(): Promise<number> {
    const before = target.loads()
    const asked = Array.from({ length: 100 }, (_, i) => ask(runners[(i * 7) % 4] as Runner))
    expect(new Set(await Promise.all(asked))).toEqual(new Set([200]))
    return target.loads() - before
  }

  /** A client that asks again as soon as it is answered, until told to stop. */
  function hot(runner: Runner) {
    const client = { going: true, answered: 0, done: Promise.resolve() }
    const loop = async () => {
      while (client.going) {
        await ask(runner, 30)
        client.answered++
      }
    }
    client.done = loop()
    return client
  }

  test('a hundred synchronous chats over four runners need at most ten loads cold, and seven once the target is known', async () => {
    expect(await burst()).toBeLessThanOrEqual(10)
    await learn()
    expect(await burst()).toBeLessThanOrEqual(7)
  })

  test('one caller for another model is answered while two clients hammer the first without end', async () => {
    const clients = [hot(a), hot(a)]
    await until('both are served', () => clients.every(({ answered }) => answered > 2))
    expect([await ask(b), await ask(c)]).toEqual([200, 200])
    const before = clients.map(({ answered }) => answered)
    await until('both are served again', () => clients.every(({ answered }, i) => answered > (before[i] ?? 0)))
    for (const client of clients) client.going = false
    await Promise.all(clients.map(({ done }) => done))
  })

  const job = ({ model, options }: Runner) => ({
    request: { endpoint: '/api/generate', body: { model, prompt: 'amber', options: { ...options, num_predict: 20 } } },
  })

  test('a person waits for the running job at most, though a hundred others wait, and no job runs beside her', async () => {
    const jobs = Array.from({ length: 100 }, (_, i) => job(i % 2 === 0 ? a : b))
    expect((await foreman.post('/jobs/batch', { jobs })).status).toBe(202)
    await until('jobs run', () => foreman.app.queue.total('done') > 3)
    for (let i = 0; i < 3; i++) {
      const before = foreman.app.queue.total('done')
      expect(await ask(c, 50)).toBe(200)
      expect(foreman.app.queue.total('done') - before).toBeLessThanOrEqual(1)
    }
    await foreman.post('/queue/pause')
    await until('none runs', () => foreman.app.queue.total('working') + foreman.app.queue.total('loading') === 0)
  })

  test('a job starts although people never stop, and they go on when its turn is over', async () => {
    await learn()
    const client = hot(a)
    await foreman.post('/jobs/batch', { jobs: Array.from({ length: 5 }, () => job(b)) })
    await foreman.logged(({ msg }) => msg === 'jobs claim a turn')
    await foreman.logged(({ msg }) => msg === 'the claim is over')
    expect(foreman.app.queue.total('done')).toBeGreaterThan(0)
    const before = client.answered
    await until('they go on', () => client.answered > before)
    client.going = false
    await client.done
  })

  test('nobody is held who fits beside the others, once that was seen', async () => {
    const roomy = await start({ name: 'arbiter-roomy', room: 3 })
    try {
      await open({}, roomy)
      const three = [a, b, c]
      const held = async () => /foreman_proxy_held_seconds_count (\d+)/.exec((await foreman.get('/metrics')).text)?.[1]
      await until('all three were seen together', async () => {
        const before = await held()
        await Promise.all(three.map((each) => ask(each, 30)))
        return (await held()) === before
      })
      const before = [await held(), roomy.loads()]
      for (let i = 0; i < 5; i++) await Promise.all(three.map((each) => ask(each, 10)))
      expect([await held(), roomy.loads()]).toEqual(before)
    } finally {
      await foreman.close()
      await roomy.stop()
    }
  })

  test('requests outlive an outage of the target: nineteen of nineteen', async () => {
    await ask(a)
    await target.crash()
    const asked: Promise<number>[] = []
    for (let i = 0; i < 19; i++) {
      asked.push(ask(runners[i % 3] as Runner))
      await until(
        'it waits',
        async () => ((await foreman.get('/target')).json.people as { held: number }).held === i + 1,
      )
    }
    await target.restart()
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 19 }, () => 200))
  })
})
