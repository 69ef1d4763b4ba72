// Row 8: a page of the list takes no longer when there are a million jobs, whatever is asked for.

import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import type { Quantiles } from './claimant.ts'
import { nowhere, token } from './foreman.ts'
import { ms } from './quantile.ts'
import type { Row } from './table.ts'

/** A page's time, and the processor time of the thread that makes it, in milliseconds by what was asked for. */
export type Paged = Record<string, { wall: Quantiles; cpu: Quantiles }>

export async function lists({ quick, say, profile, folder }: Bench): Promise<Row[]> {
  const size = quick ? 10_000 : 1_000_000
  const settings = {
    FOREMAN_TARGET: nowhere,
    FOREMAN_LISTEN: '127.0.0.1:0',
    FOREMAN_DATA: folder(),
    FOREMAN_TOKEN: token,
    FOREMAN_QUEUE_MAX: '100000000',
  }
  const child = await new Child('scripts/bench/claimant.ts', { settings, profile }).listening()
  await child.ask('fill', size, 600_000)
  const paged = await child.ask<Paged>('pages', quick ? 20 : 100, 600_000)
  await child.stop()
  const all = Object.entries(paged).sort(([, a], [, b]) => b.cpu.p99 - a.cpu.p99)
  const jobs = `${size.toLocaleString('en')} jobs`
  say(`a page of the list at ${jobs}, p50 / p99 and by processor time, the dearest of ${all.length} filters`)
  for (const [filter, { wall, cpu }] of all.slice(0, 8))
    say(`  ${ms(wall.p50)} / ${ms(wall.p99)}, ${ms(cpu.p50)} / ${ms(cpu.p99)}  ${filter}`)
  const worst = (of: 'wall' | 'cpu') => Math.max(...all.map(([, figures]) => figures[of].p99))
  const row = (what: string, p99: number): Row => ({ what, measured: ms(p99), reach: '≤ 20 ms', met: p99 <= 20 })
  return [
    row(`list, a page of the slowest filter, ${jobs}, p99`, worst('wall')),
    row('  the same by processor time', worst('cpu')),
  ]
}
