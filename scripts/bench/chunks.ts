// Row 3: streams of 200 chunks, 5 ms apart, 16 at once: what each proxy adds to the way of a chunk, and whether every
// chunk arrives as it was sent.

import { names, startProxies, stopAll, type Bench, type Name } from './bench.ts'
import { median, quantile, rounds, us } from './quantile.ts'
import { chat, post } from './request.ts'
import type { Streamed, StreamsInput } from './streams.ts'
import type { Row } from './table.ts'

const chunks = 200
const every_ms = 5
const at_once = 16

export async function streamedChunks(bench: Bench): Promise<Row[]> {
  const { quick, say, caller, target } = bench
  const proxies = await startProxies(bench)
  const servers = { direct: target, ...proxies }
  const order = Object.keys(servers) as (keyof typeof servers)[]
  const found = Object.fromEntries(
    order.map((name) => [
      name,
      { p50: [] as number[], p99: [] as number[], disturbed: 0, reads: 0, cpuUs: [] as number[] },
    ]),
  )
  const request = post(`/api/chat?chunks=${chunks}&every_ms=${every_ms}`, chat)
  const runs = quick ? 2 : 12
  // The first run warms up and is not counted.
  for (let run = 0; run <= runs; run++) {
    for (const name of order) {
      const input: StreamsInput = { port: servers[name].port, request, streams: at_once, chunks }
      const before = await servers[name].usage()
      const { delays, disturbed, reads } = await caller.ask<Streamed>('streams', input)
      const after = await servers[name].usage()
      if (run === 0) continue
      const one = found[name]!
      one.p50.push(quantile(delays, 0.5))
      one.p99.push(quantile(delays, 0.99))
      one.cpuUs.push((after.cpuUs - before.cpuUs) / delays.length)
      one.disturbed += disturbed
      one.reads += reads
    }
  }
  await stopAll(proxies)

  say(`${at_once} streams of ${chunks} chunks ${every_ms} ms apart, delay of a chunk in µs in each run`)
  for (const name of order) {
    const { p50, p99, disturbed, reads, cpuUs } = found[name]!
    const inUs = (values: number[]) => rounds(values.map((value) => value * 1000))
    say(`  ${name.padEnd(8)} p50 ${inUs(p50)}`)
    say(`  ${''.padEnd(8)} p99 ${inUs(p99)}`)
    say(
      `  ${''.padEnd(8)} ${reads} reads, ${disturbed} disturbed chunks, ${median(cpuUs).toFixed(1)} µs of processor a chunk`,
    )
  }
  const over = (name: Name, q: 'p50' | 'p99') =>
    median(found[name]![q].map((value, i) => value - (found.direct![q][i] ?? 0)))
  const row = (q: 'p50' | 'p99') => ({
    what: `stream, 16 at once, added ${q} a chunk`,
    measured: us(over('foreman', q)),
    reach: `≤ defaults (${us(over('default', q))})`,
    met: over('foreman', q) <= over('default', q),
  })
  const disturbed = names.map((name) => `${name} ${found[name]!.disturbed}`).join(', ')
  return [
    row('p50'),
    { ...row('p99'), reach: `defaults: ${us(over('default', 'p99'))}`, met: null },
    {
      what: `stream, chunks merged or split, of ${runs * at_once * chunks}`,
      measured: String(found.foreman!.disturbed),
      reach: `0 (${disturbed})`,
      met: found.foreman!.disturbed === 0,
    },
  ]
}
