// An Ollama whose client leaves in the very moment of a word may lose the slot: nobody who needs that runner is answered then, for
// ever. It takes luck: one of twenty who leave a fast model's answer, on v0.11.4 to v0.24.0; the simulated one never loses any.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { hastyClock } from '../../server/app.stage.ts'
import { tinyEndless } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

const leavers = 60
/** Longer than a minute of foreman's. */
const patience = 7_000

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'slots' })
  })
  afterAll(() => target.stop())

  const generate = (foreman: Foreman, body: object, signal?: AbortSignal) => {
    const asked = JSON.stringify({ model: tinyEndless, prompt: 'Go on', ...body })
    return fetch(`${foreman.url}/api/generate`, { method: 'POST', body: asked, signal })
  }

  /** In the middle of an answer, at another word each time. */
  async function leave(foreman: Foreman, words: number): Promise<void> {
    const abort = new AbortController()
    const answer = await generate(foreman, { options: { num_predict: 20_000 } }, abort.signal)
    const reader = answer.body!.getReader()
    for (let i = 0; i < words; i++) await reader.read()
    abort.abort()
  }

  const inFlight = async (foreman: Foreman) =>
    ((await foreman.get('/target')).json.people as { in_flight: number }).in_flight

  const short = { stream: false, options: { num_predict: 1 } }
  const served = (foreman: Foreman) =>
    generate(foreman, short, AbortSignal.timeout(patience)).then(
      ({ status }) => status === 200,
      () => false,
    )

  test(`after each of ${leavers} who leave, the next one is answered, or the one who comes after her has given up`, async () => {
    const foreman = await openForeman({ clock: hastyClock, settings: { TARGET: target.url } })
    await foreman.app.target.refresh()
    let lost = 0
    // One that is lost takes seven seconds.
    for (let i = 0; i < leavers && lost === 0; i++) {
      await leave(foreman, 1 + (i % 7))
      if (await served(foreman)) continue
      lost++
      // As long as anybody waits for it, the runner stays.
      await until('nobody is in flight', async () => (await inFlight(foreman)) === 0)
      expect(await served(foreman)).toBe(true)
    }
    expect(foreman.lines.filter(({ msg }) => msg.startsWith('callers wait in vain'))).toHaveLength(lost)
  })
})
