// Row 4: jobs handed over by 64 callers at once: how many share one fsync, and how the rate compares with the same
// route when nothing is stored.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import { writeAndSync } from './disk.ts'
import { metric, nowhere, startForeman, token } from './foreman.ts'
import { median, quantile, ratios, rounds, us } from './quantile.ts'
import type { Rated, RateInput } from './rate.ts'
import { job, post } from './request.ts'
import type { Row } from './table.ts'
import { tracer } from './tracer.ts'

const callers = 64
const commits = 'foreman_store_commit_seconds_count'
/** Nothing runs: the target is absent, and the queue takes all. */
const settings = { FOREMAN_QUEUE_MAX: '100000000', FOREMAN_BODY_MAX: '64MB' }

export async function submits(bench: Bench): Promise<Row[]> {
  const { quick, say, caller, profile } = bench
  const { foreman } = await startForeman({ folder: bench.folder(), settings, profile })
  const unstored = await new Child('scripts/bench/unstored.ts', {
    settings: {
      ...settings,
      FOREMAN_TARGET: nowhere,
      FOREMAN_LISTEN: '127.0.0.1:0',
      FOREMAN_DATA: bench.folder(),
      FOREMAN_TOKEN: token,
    },
    profile,
  }).listening()
  const load = (server: Child, ms: number) => {
    const input: RateInput = { port: server.port, request: post('/jobs', job), connections: callers, ms, status: 202 }
    return caller.ask<Rated>('rate', input)
  }
  const rates = { stored: [] as number[], unstored: [] as number[] }
  const costs = { stored: [] as number[], unstored: [] as number[] }
  let latencies = new Float64Array()
  let acknowledged = 0
  let committed = 0
  const ms = quick ? 500 : 1_500
  for (const server of [foreman, unstored]) await load(server, quick ? 300 : 2_000)
  const cost = async (server: Child) => {
    const before = await server.usage()
    const rated = await load(server, ms)
    return { ...rated, cpuUs: ((await server.usage()).cpuUs - before.cpuUs) / rated.answers }
  }
  for (let round = 0; round < (quick ? 2 : 13); round++) {
    const before = await metric(foreman, commits)
    const stored = await cost(foreman)
    committed += (await metric(foreman, commits)) - before
    acknowledged += stored.answers
    latencies = new Float64Array(stored.latencies)
    rates.stored.push(stored.perSecond)
    costs.stored.push(stored.cpuUs)
    const other = await cost(unstored)
    rates.unstored.push(other.perSecond)
    costs.unstored.push(other.cpuUs)
  }
  await Promise.all([foreman.stop(), unstored.stop()])

  say(`POST /jobs, ${callers} callers, jobs a second in each round`)
  say(`  stored   ${rounds(rates.stored)}, ${median(costs.stored).toFixed(0)} µs of processor a job`)
  say(`  unstored ${rounds(rates.unstored)}, ${median(costs.unstored).toFixed(0)} µs of processor a job`)
  say(`  202 after p50 ${us(quantile(latencies, 0.5))}, p99 ${us(quantile(latencies, 0.99))}`)
  say(`  ${acknowledged} acknowledged in ${committed} commits`)
  const disk = writeAndSync(bench.folder(), quick ? 100 : 1_000)
  say(`  the disk itself: write of 4 KiB and fdatasync p50 ${us(disk.p50)}, p99 ${us(disk.p99)}`)
  const ratio = median(ratios(rates.stored, rates.unstored))
  return [
    perSync('POST /jobs c=64, acknowledged jobs a commit', acknowledged / committed),
    ...(await traced(bench)),
    {
      what: 'POST /jobs c=64, rate ÷ without the store',
      measured: ratio.toFixed(2),
      reach: '≥ 0.30',
      met: ratio >= 0.3,
    },
    { what: '  the disk: write 4 KiB + fdatasync p50', measured: us(disk.p50), reach: '', met: null },
  ]
}

/** The same once more, slowed by a tracer that counts what really reached the disk; nothing where there is none. */
async function traced(bench: Bench): Promise<Row[]> {
  const { caller, say, quick } = bench
  const calls = join(bench.folder(), 'calls')
  const under = tracer(calls)
  if (!under) {
    say('  no strace here: fsyncs are not counted from outside')
    return []
  }
  const { foreman } = await startForeman({ folder: bench.folder(), settings, under })
  const count = () => readFileSync(calls, 'latin1').match(/\bf(?:data)?sync\(/g)?.length ?? 0
  const input = (ms: number): RateInput => ({
    port: foreman.port,
    request: post('/jobs', job),
    connections: callers,
    ms,
    status: 202,
  })
  await caller.ask('rate', input(quick ? 300 : 2_000))
  const before = count()
  const { answers, perSecond } = await caller.ask<Rated>('rate', input(quick ? 500 : 3_000))
  const syncs = count() - before
  await foreman.stop()
  say(
    `  under strace: ${answers} acknowledged, ${syncs} fsync and fdatasync (checkpoints included), ${perSecond.toFixed(0)}/s`,
  )
  return [perSync('POST /jobs c=64, acknowledged jobs an fsync (strace)', answers / syncs)]
}

function perSync(what: string, value: number): Row {
  return { what, measured: value.toFixed(1), reach: '≥ 8', met: value >= 8 }
}
