// What asking the arbiter costs a person who may go at once: the same chat through a foreman that holds people when it must, and
// through one that never does, in turns.

import type { Bench } from './bench.ts'
import type { Child } from './child.ts'
import { startForeman } from './foreman.ts'
import { median, quantile, ratios, rounds } from './quantile.ts'
import type { Rated, RateInput } from './rate.ts'
import { chat, post } from './request.ts'
import type { Row } from './table.ts'

export async function admissions({ quick, say, caller, target, folder, profile }: Bench): Promise<Row[]> {
  const url = `http://127.0.0.1:${target.port}`
  const [{ foreman: on }, { foreman: off }] = await Promise.all([
    startForeman({ target: url, folder: folder(), profile }),
    startForeman({ target: url, folder: folder(), profile, settings: { FOREMAN_PEOPLE_PATIENCE: 'off' } }),
  ])
  const rows: Row[] = []
  for (const connections of [1, 16]) {
    const p50 = async (server: Child, ms: number) => {
      const input: RateInput = { port: server.port, request: post('/api/chat', chat), connections, ms, status: 200 }
      return quantile((await caller.ask<Rated>('rate', input)).latencies, 0.5) * 1000
    }
    for (const server of [on, off]) await p50(server, quick ? 200 : 4_000)
    const found = { on: [] as number[], off: [] as number[] }
    for (let round = 0; round < (quick ? 2 : 15); round++) {
      found.on.push(await p50(on, quick ? 200 : 700))
      found.off.push(await p50(off, quick ? 200 : 700))
    }
    say(`POST /api/chat, ${connections} at once, p50 in µs in each round`)
    say(`  arbiter on  ${rounds(found.on)}`)
    say(`  arbiter off ${rounds(found.off)}`)
    const value = median(ratios(found.on, found.off))
    const reach = connections === 1 ? '≤ 1.05' : ''
    const met = connections === 1 ? value <= 1.05 : null
    rows.push({
      what: `POST /api/chat c=${connections}, p50 with the arbiter ÷ without`,
      measured: value.toFixed(2),
      reach,
      met,
    })
  }
  await Promise.all([on.stop(), off.stop()])
  return rows
}
