// Row 1: a small GET through the passage, 32 callers at once. The three proxies take turns, so that what else the
// machine does meets all of them; beside the rate stands what each request cost the proxy's processor.

import { names, startProxies, stopAll, type Bench, type Name } from './bench.ts'
import type { Child } from './child.ts'
import { median, ratios, rounds } from './quantile.ts'
import type { Rated, RateInput } from './rate.ts'
import { get } from './request.ts'
import type { Row } from './table.ts'

const callers = 32

export async function smallGet(bench: Bench): Promise<Row[]> {
  const { quick, say, caller, target } = bench
  const proxies = await startProxies(bench)
  const ms = quick ? 500 : 1_000
  const load = (server: Child, ms: number) =>
    caller.ask<Rated>('rate', {
      port: server.port,
      request: get('/api/version'),
      connections: callers,
      ms,
      status: 200,
    } satisfies RateInput)
  const rates: Record<Name, number[]> = { bare: [], default: [], foreman: [] }
  const costs: Record<Name, number[]> = { bare: [], default: [], foreman: [] }

  for (const name of names) await load(proxies[name], quick ? 300 : 4_000)
  for (let round = 0; round < (quick ? 2 : 21); round++) {
    for (const name of names) {
      const before = await proxies[name].usage()
      const { answers, perSecond } = await load(proxies[name], ms)
      const after = await proxies[name].usage()
      rates[name].push(perSecond)
      costs[name].push((after.cpuUs - before.cpuUs) / answers)
    }
  }
  const direct = await load(target, ms)
  await stopAll(proxies)

  say(
    `small GET, ${callers} callers, requests a second in each round; direct to the target: ${direct.perSecond.toFixed(0)}`,
  )
  for (const name of names) {
    const cost = `${median(costs[name]).toFixed(1)} µs of processor a request`
    say(`  ${name.padEnd(8)} ${rounds(rates[name])}, median ${median(rates[name]).toFixed(0)}, ${cost}`)
  }
  const ratio = (other: Name) => median(ratios(rates.foreman, rates[other]))
  const cheaper = (other: Name) => median(ratios(costs[other], costs.foreman))
  return [
    ratioRow('GET c=32, foreman ÷ http-proxy defaults', ratio('default'), 1.25),
    ratioRow('GET c=32, foreman ÷ bare dispatch', ratio('bare'), 0.6),
    told('  the same by processor time, ÷ defaults', cheaper('default')),
    told('  the same by processor time, ÷ bare', cheaper('bare')),
  ]
}

function ratioRow(what: string, value: number, reach: number): Row {
  return { what, measured: value.toFixed(2), reach: `≥ ${reach.toFixed(2)}`, met: value >= reach }
}

function told(what: string, value: number): Row {
  return { what, measured: value.toFixed(2), reach: '', met: null }
}
