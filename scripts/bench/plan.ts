// The plan of a long queue: how long it takes, and how much longer others wait while plans are made.

import type { Bench } from './bench.ts'
import { startClaimant } from './claim.ts'
import type { Child } from './child.ts'
import { startForeman, token } from './foreman.ts'
import { median, ms, rounds } from './quantile.ts'
import type { Rated, RateInput } from './rate.ts'
import { get } from './request.ts'
import type { Row } from './table.ts'

const jobs = 10_000
/** A plan is good for a second; whoever asks later gets another. */
const lasts_ms = 1_000

export async function plans(bench: Bench): Promise<Row[]> {
  const { quick, say, caller, target, profile } = bench
  const folder = bench.folder()
  const claimant = await startClaimant(bench, folder)
  await claimant.ask('fill', jobs, 600_000)
  await claimant.stop()
  const { foreman } = await startForeman({ target: `http://127.0.0.1:${target.port}`, folder, profile })
  const longest = async (): Promise<number> => {
    const input: RateInput = { port: foreman.port, request: get('/livez'), connections: 1, ms: 2_000, status: 200 }
    return Math.max(...(await caller.ask<Rated>('rate', input)).latencies)
  }
  await longest()
  const took: number[] = []
  for (let i = 0; i < (quick ? 2 : 12); i++) took.push(await planned(foreman))
  const found = { without: [] as number[], beside: [] as number[] }
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    found.without.push(await longest())
    const others = longest()
    for (let i = 0; i < 2; i++) await planned(foreman)
    found.beside.push(await others)
  }
  await foreman.stop()

  const size = `${jobs.toLocaleString('en')} jobs over 50 keys`
  say(`plan of ${size}, ms each: ${rounds(took)}`)
  say('longest answer to one caller, ms in each round')
  say(`  without ${rounds(found.without)}`)
  say(`  beside  ${rounds(found.beside)}`)
  const added = median(found.beside) - median(found.without)
  return [
    { what: `plan of ${size}, p50`, measured: ms(median(took)), reach: '≤ 50 ms', met: median(took) <= 50 },
    { what: '  longest answer beside it, added', measured: ms(added), reach: '≤ 15 ms', met: added <= 15 },
  ]
}

/** Milliseconds until a new plan is told. */
async function planned({ port }: Child): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, lasts_ms))
  const started = performance.now()
  const headers = { authorization: `Bearer ${token}` }
  await (await fetch(`http://127.0.0.1:${port}/queue/plan`, { headers })).text()
  return performance.now() - started
}
