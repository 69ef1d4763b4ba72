// Row 8: a page of the list takes no longer when there are a million jobs, whatever is asked for.

import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import type { Quantiles } from './claimant.ts'
import { nowhere, token } from './foreman.ts'
import { ms } from './quantile.ts'
import type { Row } from './table.ts'

/** A page's time in milliseconds, by what was asked for. */
export type Paged = Record<string, Quantiles & { max: number }>

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
  const all = Object.entries(paged).sort(([, a], [, b]) => b.p99 - a.p99)
  say(
    `a page of the list at ${size.toLocaleString('en')} jobs, p50 / p99 / longest, the slowest of ${all.length} filters`,
  )
  for (const [filter, { p50, p99, max }] of all.slice(0, 8))
    say(`  ${filter.padEnd(60)} ${ms(p50)} / ${ms(p99)} / ${ms(max)}`)
  const worst = all[0]?.[1].p99 ?? Number.NaN
  const what = `list, a page of the slowest filter, ${size.toLocaleString('en')} jobs, p99`
  return [{ what, measured: ms(worst), reach: '≤ 20 ms', met: worst <= 20 }]
}
