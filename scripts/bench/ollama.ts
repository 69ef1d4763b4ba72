// The simulated Ollama as a process of its own, for the rows about drain: it counts its loads, and notes when each piece of
// work began and ended.

import { startFake } from '../../server/ollama/fake/fake.ts'
import { answer, ready } from './answers.ts'

/** What it did since it was last asked. */
export interface Done {
  loads: number
  /** Between the end of one answer to work and the next request for it, milliseconds, where nothing was loaded between. */
  gaps: number[]
  /** From the first request for work to the end of the last answer, milliseconds. */
  span: number
}

const [loadMs = '200', tokenMs = '1', models = 'a,b,c,d'] = process.argv.slice(2)
const fake = await startFake({
  models: models.split(','),
  loadMs: Number(loadMs),
  tokenMs: Number(tokenMs),
  tokens: 10,
})
const { ledger } = fake
let before = { loads: 0, ended: Number.NaN, first: Number.NaN, loadsAtEnd: 0 }
let gaps: number[] = []

const purpose = ledger.purpose.bind(ledger)
ledger.purpose = (seen, what, model) => {
  const now = performance.now()
  if (what === 'work') {
    if (Number.isNaN(before.first)) before.first = now
    if (before.loadsAtEnd === ledger.loads && !Number.isNaN(before.ended)) gaps.push(now - before.ended)
  }
  purpose(seen, what, model)
}
const close = ledger.close.bind(ledger)
ledger.close = (seen, outcome, status) => {
  if (seen.purpose === 'work') before = { ...before, ended: performance.now(), loadsAtEnd: ledger.loads }
  close(seen, outcome, status)
}

answer({
  done: (): Done => {
    const done = { loads: ledger.loads - before.loads, gaps, span: before.ended - before.first }
    before = { loads: ledger.loads, ended: Number.NaN, first: Number.NaN, loadsAtEnd: 0 }
    gaps = []
    return done
  },
  refuse: () => fake.refuse(),
  listen: () => fake.listen(),
})
ready(fake.port)
