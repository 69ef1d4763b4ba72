// Row 5: the claim of the next job stays as fast when the queue grows a thousandfold.

import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import type { Claimed } from './claimant.ts'
import { nowhere, token } from './foreman.ts'
import { us } from './quantile.ts'
import type { Row } from './table.ts'

/** A claimant on the data in `folder`. */
export function startClaimant({ profile }: Bench, folder: string): Promise<Child> {
  return new Child('scripts/bench/claimant.ts', {
    settings: {
      FOREMAN_TARGET: nowhere,
      FOREMAN_LISTEN: '127.0.0.1:0',
      FOREMAN_DATA: folder,
      FOREMAN_TOKEN: token,
      FOREMAN_QUEUE_MAX: '100000000',
    },
    profile,
  }).listening()
}

/** Fills the queue in `folder` up to `size` jobs and measures the claim there. */
export async function claimsAt(bench: Bench, folder: string, size: number): Promise<Claimed> {
  const { quick, say } = bench
  const child = await startClaimant(bench, folder)
  const started = performance.now()
  await child.ask('fill', size, 600_000)
  const filled_s = ((performance.now() - started) / 1000).toFixed(1)
  const claimed = await child.ask<Claimed>('claims', quick ? 100 : 1_000)
  await child.stop()
  const pair = ({ p50, p99 }: { p50: number; p99: number }) => `${us(p50)} / ${us(p99)}`
  say(`claim at ${size.toLocaleString('en')} queued jobs (filled in ${filled_s} s), p50 / p99`)
  say(
    `  head of a key ${pair(claimed.head)}, snapshot ${pair(claimed.snapshot)}, decision ${pair(claimed.decision)}, with commit ${pair(claimed.claim)}`,
  )
  return claimed
}

/** From the smallest queue to the largest; `found` by size. */
export function claimRows(found: ReadonlyMap<number, Claimed>): Row[] {
  const sizes = [...found.keys()].sort((a, b) => a - b)
  const [smallest = 0, largest = 0] = [sizes[0], sizes.at(-1)]
  const growth = (part: keyof Claimed, q: 'p50' | 'p99') => {
    const at = (size: number) => found.get(size)?.[part][q] ?? Number.NaN
    const value = at(largest) / at(smallest)
    return { measured: `${value.toFixed(2)} × (${us(at(smallest))} → ${us(at(largest))})`, met: value <= 2 }
  }
  const span = `${smallest.toLocaleString('en')} → ${largest.toLocaleString('en')}`
  const reach = '≤ 2 ×'
  return [
    { what: `claim, head of a key p50, ${span} jobs`, reach, ...growth('head', 'p50') },
    { what: 'claim, head of a key p99', reach, ...growth('head', 'p99') },
    { what: 'claim, snapshot and row of the next p50', reach, ...growth('snapshot', 'p50') },
    { what: 'claim, snapshot and row of the next p99', reach, ...growth('snapshot', 'p99') },
    decision(largest, found.get(largest)?.decision.p99 ?? Number.NaN),
    { what: 'claim with its commit p50', reach, ...growth('claim', 'p50') },
    { what: 'claim with its commit p99', reach: '', ...growth('claim', 'p99'), met: null },
  ]
}

function decision(size: number, p99: number): Row {
  const what = `decision over 50 keys, ${size.toLocaleString('en')} jobs waiting, p99`
  return { what, measured: us(p99), reach: '≤ 1 ms', met: p99 <= 1 }
}
