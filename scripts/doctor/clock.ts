// The clock: beside those of others that were met, and whether it was set while this ran.

import type { Skew } from './ask.ts'
import { about, type Finding } from './finding.ts'

/** A Date has whole seconds, and an answer takes some time. */
const noticed_ms = 5_000
/** Receivers refuse a webhook whose timestamp is further away. */
const refused_ms = 300_000

/** A moment by both clocks, milliseconds. */
export interface Moment {
  readonly wall: number
  readonly monotonic: number
}

export const moment = (): Moment => ({ wall: Date.now(), monotonic: performance.now() })

export function examineClock(skews: readonly Skew[], began: Moment, ended: Moment): Finding[] {
  const { ok, warn, fail } = about('clock')
  const set = ended.wall - began.wall - (ended.monotonic - began.monotonic)
  const findings = Math.abs(set) > 1_000 ? [warn(`it was set by ${(set / 1000).toFixed(1)} s while this ran`)] : []
  // Both may be wrong, and this machine's own answers say nothing.
  const others = skews.filter(({ who }) => who !== 'this machine')
  const worst = others.toSorted((a, b) => Math.abs(b.ms) - Math.abs(a.ms))[0]
  if (!worst) return [...findings, ok('there was no other one to compare it with')]
  const { who, ms } = worst
  const said = `${who} is ${Math.abs(ms / 1000).toFixed(0)} s ${ms > 0 ? 'ahead' : 'behind'}`
  if (Math.abs(ms) >= refused_ms)
    return [...findings, fail(`${said}: webhooks are refused if it is this machine that is wrong`)]
  if (Math.abs(ms) >= noticed_ms) return [...findings, warn(said)]
  return [...findings, ok(`as that of ${[...new Set(others.map((other) => other.who))].join(' and ')}`)]
}
