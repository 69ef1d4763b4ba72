// Row 2: what a lone caller waits longer than if the target were asked directly, for a small GET and for a chat whose
// body foreman looks at.

import { startProxies, stopAll, type Bench, type Name } from './bench.ts'
import type { Child } from './child.ts'
import { median, quantile, rounds, us } from './quantile.ts'
import type { Rated, RateInput } from './rate.ts'
import { chat, get, post } from './request.ts'
import type { Row } from './table.ts'

export async function addedLatency(bench: Bench): Promise<Row[]> {
  const proxies = await startProxies(bench)
  const asked = await added(bench, proxies, 'small GET', get('/api/version'))
  const chatted = await added(bench, proxies, 'POST /api/chat', post('/api/chat', chat))
  await stopAll(proxies)
  const row = (what: string, { foreman, default: other }: Record<Name, number>): Row => ({
    what,
    measured: us(foreman),
    reach: `≤ defaults (${us(other)})`,
    met: foreman <= other,
  })
  return [
    row('GET c=1, added p50', asked),
    {
      ...row('POST /api/chat c=1 (peeked at), added p50', chatted),
      reach: `defaults: ${us(chatted.default)}`,
      met: null,
    },
  ]
}

/** The added median of each proxy over direct, taken round by round, in milliseconds. */
async function added(
  { quick, say, caller, target }: Bench,
  proxies: Record<Name, Child>,
  what: string,
  request: string,
): Promise<Record<Name, number>> {
  const servers = { direct: target, ...proxies }
  const p50 = async (server: Child, ms: number) => {
    const input: RateInput = { port: server.port, request, connections: 1, ms, status: 200 }
    return quantile((await caller.ask<Rated>('rate', input)).latencies, 0.5)
  }
  const found: Record<keyof typeof servers, number[]> = { direct: [], bare: [], default: [], foreman: [] }
  const order = Object.keys(servers) as (keyof typeof servers)[]
  for (const name of order) await p50(servers[name], quick ? 200 : 1_500)
  for (let round = 0; round < (quick ? 2 : 9); round++) {
    for (const name of order) found[name].push(await p50(servers[name], quick ? 200 : 1_000))
  }
  say(`${what}, one caller, p50 in µs in each round`)
  for (const name of order) say(`  ${name.padEnd(8)} ${rounds(found[name].map((value) => value * 1000))}`)
  const over = (name: Name) => median(found[name].map((value, i) => value - (found.direct[i] ?? 0)))
  return { bare: over('bare'), default: over('default'), foreman: over('foreman') }
}
