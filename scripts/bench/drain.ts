// What draining is worth, before the simulated Ollama that holds one runner: loads and time of bursts of jobs and of people,
// the pause between two jobs of a turn, and how soon a job starts when the target is back.

import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import { startForeman, token } from './foreman.ts'
import type { Done } from './ollama.ts'
import { ms, quantile } from './quantile.ts'
import type { Row } from './table.ts'

const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const load_ms = 200
const models = ['a', 'b', 'c', 'd']
/** Times of the law in the proportion of the defaults to loads of 20 s. */
const settings = { FOREMAN_PATIENCE: '3s', FOREMAN_PEOPLE_PATIENCE: '100ms', FOREMAN_HOLD: '600ms' }

export async function drains(bench: Bench): Promise<Row[]> {
  const ollama = await new Child('scripts/bench/ollama.ts', { args: [String(load_ms), '1'] }).listening()
  const target = `http://127.0.0.1:${ollama.port}`
  const { foreman } = await startForeman({ folder: bench.folder(), target, settings })
  const url = `http://127.0.0.1:${foreman.port}`
  const chat = (model: string, options = {}) => ({
    model,
    messages: [{ role: 'user', content: 'hi' }],
    options,
    stream: false,
  })
  const run = async (bodies: object[]) => {
    const jobs = bodies.map((body) => ({ request: { endpoint: '/api/chat', body } }))
    const posted = await fetch(`${url}/jobs/batch`, { method: 'POST', headers, body: JSON.stringify({ jobs }) })
    const { data } = (await posted.json()) as { data: { id: string }[] }
    for (const { id } of data) await (await fetch(`${url}/jobs/${id}?wait=120`, { headers })).text()
    return ollama.ask<Done>('done', null)
  }
  const ask = async (body: object) => {
    const answer = await fetch(`${url}/api/chat`, { method: 'POST', headers, body: JSON.stringify(body) })
    await answer.text()
    return answer.status
  }
  const hundred = (pick: (i: number) => number) => Array.from({ length: 100 }, (_, i) => chat(models[pick(i)] ?? 'a'))
  /** Arrivals in no order, the same in each run. */
  const mixed = hundred((i) => ((i * 7919) % 101) % 4)
  const sorted = hundred((i) => Math.floor(i / 25))

  await run(sorted)
  const pure = await run(sorted)
  const burst = await run(mixed)
  const sizes = await run(Array.from({ length: 60 }, (_, i) => chat('a', { num_ctx: i % 2 === 0 ? 2048 : 4096 })))
  const gaps = (await run(Array.from({ length: 300 }, () => chat('a')))).gaps
  for (const one of models)
    for (const other of models) if (one < other) for (const model of [one, other]) await ask(chat(model))
  await ollama.ask<Done>('done', null)
  const statuses = await Promise.all(mixed.map(ask))
  const people = await ollama.ask<Done>('done', null)
  const one = await oneAnswer(ask, ollama, chat('a'))
  await Promise.all([foreman.stop(), ollama.stop()])

  const ideal = 4 * load_ms + 100 * one
  bench.say(
    `burst of 100 jobs over 4 models: ${burst.loads} loads, ${ms(burst.span)}; sorted by model: ${pure.loads}, ${ms(pure.span)}`,
  )
  bench.say(
    `burst of 100 people: ${people.loads} loads, ${ms(people.span)}; ideal ${ms(ideal)}; all 200: ${statuses.every((s) => s === 200)}`,
  )
  return [
    {
      what: '100 jobs over 4 models at once, loads',
      measured: String(burst.loads),
      reach: '≤ 7',
      met: burst.loads <= 7,
    },
    ratio('  the same, time ÷ sorted by model', burst.span / pure.span),
    {
      what: '60 jobs, num_ctx in turn of two, loads',
      measured: String(sizes.loads),
      reach: '2',
      met: sizes.loads <= 2,
    },
    {
      what: '100 people over 4 models at once, loads',
      measured: String(people.loads),
      reach: '≤ 7',
      met: people.loads <= 7,
    },
    ratio('  the same, time ÷ ideal (loads + work)', people.span / ideal),
    gap('between two jobs of a turn, p50', quantile(gaps, 0.5), 5),
    gap('between two jobs of a turn, p99', quantile(gaps, 0.99), 20),
  ]
}

/** How long the target takes for an answer when nobody else asks. */
async function oneAnswer(ask: (body: object) => Promise<number>, ollama: Child, body: object): Promise<number> {
  const spans: number[] = []
  await ask(body)
  for (let i = 0; i < 20; i++) {
    await ollama.ask<Done>('done', null)
    await ask(body)
    spans.push((await ollama.ask<Done>('done', null)).span)
  }
  return quantile(spans, 0.5)
}

function ratio(what: string, value: number): Row {
  return { what, measured: value.toFixed(2), reach: '≤ 1.10', met: value <= 1.1 }
}

function gap(what: string, value: number, reach: number): Row {
  return { what, measured: ms(value), reach: `≤ ${reach} ms`, met: value <= reach }
}
