// Ollama's own hang (ollama#17408): a runner is to go for another, and a request with keep_alive for it comes before it is idle;
// all that needs a load waits then until that keep_alive has run out. Foreman's own requests never bring it about, and where
// people do it is ended. The real one is of a version that has it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { Dice, interleave } from '../../server/app.interleave.ts'
import { afterwards, hastyClock } from '../../server/app.stage.ts'
import { tinyA, tinyB, tinySlow } from './models.ts'
import { openRelay, type Relay } from './relay.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

/** More of them by `INTERLEAVINGS=500 npm run test:real -- hang --testTimeout=3000000`. */
const interleavings = Number(process.env.INTERLEAVINGS ?? 40)
const seed = Number(process.env.SEED ?? 1 + (Date.now() % 1_000_000))
/** So many one after the other have one foreman. */
const together = 10
const kept = -1

describe.each(targets)('in front of $name', ({ start, real }) => {
  let narrow: Target
  let roomy: Target
  beforeAll(async () => {
    narrow = await start({ name: 'hang', hangs: true })
    roomy = await start({ name: 'hang-roomy', hangs: true, room: 2 })
  })
  afterAll(async () => {
    await narrow.stop()
    await roomy.stop()
  })
  beforeEach(async () => {
    for (const target of [narrow, roomy]) await empty(target)
  })

  const post = (url: string, body: object, signal?: AbortSignal) =>
    fetch(`${url}/api/generate`, { method: 'POST', body: JSON.stringify({ stream: false, ...body }), signal })

  async function listed({ url }: Target): Promise<string[]> {
    const answer = await fetch(`${url}/api/ps`)
    return ((await answer.json()) as { models: { name: string }[] }).models.map(({ name }) => name)
  }

  async function empty(target: Target): Promise<void> {
    await until('nothing is loaded', async () => {
      const names = await listed(target)
      for (const model of names) await (await post(target.url, { model, keep_alive: 0 })).text()
      return names.length === 0
    })
  }

  const foremanBefore = (url: string, settings: Record<string, string> = {}) =>
    openForeman({ clock: hastyClock, random: () => 0.5, settings: { TARGET: url, ...settings } })

  const ask = async (foreman: Foreman, model: string): Promise<number> =>
    (await post(foreman.url, { model, prompt: 'a', options: { num_predict: 1 } })).status

  const healed = async (foreman: Foreman) =>
    (await foreman.get('/metrics')).text.includes('\nforeman_target_healed_total 1\n')

  /** So many interleavings on one target; what was wrong. */
  async function trouble(target: Target, dice: Dice, count: number): Promise<object[]> {
    await empty(target)
    const foreman = await foremanBefore(target.url, {
      PATIENCE: dice.of('2s', '5m'),
      HOLD: '0s',
      LOAD_STALL: '60s',
      KEEP_ALIVE_AFTER: dice.of('', '0', '10m', '-1'),
    })
    await foreman.app.target.refresh()
    // Each was heard once: a slot that Ollama loses when an answer is broken off, another mistake of it, is found out then.
    for (const model of [tinyA, tinyB, tinySlow]) expect(await ask(foreman, model)).toBe(200)
    // The slow one is mostly left in the middle; over a long prompt it does not notice that for a second.
    const models = [tinySlow, tinyA, tinyB] as const
    const prompts = ['hi', ...['basil', 'cedar', 'delta'].map((word) => `${word}${' amber'.repeat(40)}`)]
    const random = { models, jobs: [3, 4], gaps: [0, 200, 1_000, 4_000], prompts, lengths: [3, 30, 100] }
    for (let i = 0; i < count; i++) await interleave({ foreman, clock: hastyClock, dice, ...random } as const)
    const hung = foreman.lines.filter(({ msg, state }) => msg.startsWith('a load hangs') || state === 'failed')
    await foreman.close()
    // Whatever needs a load goes on.
    for (const model of models) {
      const loaded = (await post(target.url, { model, options: { num_ctx: 512 } }, AbortSignal.timeout(20_000))).status
      expect(loaded).toBe(200)
    }
    return hung
  }

  // In front of the simulated one server/app.hang.test.ts goes through thousands of them.
  const count = real ? interleavings : together

  test(`the target never hangs on what foreman itself asks, in ${count} random interleavings`, async () => {
    const dice = new Dice(seed)
    const found = []
    for (let left = count, i = 0; left > 0; left -= together, i++)
      found.push(...(await trouble(i % 2 ? roomy : narrow, dice, Math.min(left, together))))
    expect({ found, seed }).toEqual({ found: [], seed })
  })

  describe('two people who provoke it', () => {
    let relay: Relay
    let foreman: Foreman
    beforeEach(async () => {
      relay = await openRelay(narrow.url)
      afterwards(() => relay.close())
      foreman = await foremanBefore(relay.url, { LOAD_STALL: '30s' })
      await foreman.app.target.refresh()
    })

    /** Somebody at `url` is in the middle of an answer and then asks that its runner stay, while `other` needs another one. */
    async function provoke(url: string, other: () => Promise<unknown>): Promise<void> {
      const leave = new AbortController()
      const busy = await post(
        url,
        { model: tinySlow, prompt: 'Go on', stream: true, options: { num_predict: 20_000 } },
        leave.signal,
      )
      await busy.body?.getReader().read()
      const asked = () =>
        relay.reached.filter(({ path, method }) => path === '/api/generate' && method === 'POST').length
      const before = asked()
      void other()
      await until('the other one is asked for', () => asked() > before)
      for (let i = 0; i < 10; i++) expect((await post(url, { model: tinySlow, keep_alive: kept })).status).toBe(200)
      leave.abort()
    }

    const other = { model: tinyA, prompt: 'a', options: { num_predict: 3 } }

    /** What she is answered who needs the other runner, through foreman. */
    async function answered(provokedAt: string): Promise<number> {
      let status = 0
      await provoke(provokedAt, async () => (status = (await post(foreman.url, other)).status))
      await until('she is answered', () => status > 0)
      await until('the target went on because it was healed', () => healed(foreman))
      return status
    }

    test('and meet in foreman before a target that it does not know yet are answered after a minute of silence', async () => {
      expect(await answered(foreman.url)).toBe(200)
    })

    test('beside foreman hold nobody up in it for longer than fifteen seconds', async () => {
      for (const model of [tinySlow, tinyA]) {
        expect(await ask(foreman, model)).toBe(200)
        await foreman.app.target.look()
      }
      expect(await answered(narrow.url)).toBe(200)
    })

    test('beside foreman hold up no job of it for longer than a load may take', async () => {
      let id = ''
      const request = { endpoint: '/api/generate', body: other }
      await provoke(narrow.url, async () => (id = (await foreman.submit({ request })).id))
      expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
      expect(await healed(foreman)).toBe(true)
      expect(await listed(narrow)).toEqual([`${tinyA}:latest`])
    })
  })
})
