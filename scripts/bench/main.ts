// `npm run bench`: the speed and memory of foreman as ratios to its surroundings, measured in one run. Nothing is
// asserted, only told. A whole run is recorded in docs/benchmark.md.
//   --quick         short rounds and small queues: whether the benchmark works
//   --only a,b      some rows: get latency stream submit claim (with start) plan admit drain attach webhooks list
//   --profile DIR   processor profiles of what is measured

import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { admissions } from './admission.ts'
import { attached } from './attach.ts'
import { openBench, type Bench } from './bench.ts'
import { streamedChunks } from './chunks.ts'
import { claimRows, claimsAt } from './claim.ts'
import type { Claimed } from './claimant.ts'
import { drains } from './drain.ts'
import { smallGet } from './get.ts'
import { addedLatency } from './latency.ts'
import { lists } from './list.ts'
import { plans } from './plan.ts'
import { record } from './record.ts'
import { starts } from './start.ts'
import { submits } from './submit.ts'
import { table, type Row } from './table.ts'
import { webhooks } from './webhooks.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, profile: { type: 'string' } },
})

const parts: Record<string, (bench: Bench) => Promise<Row[]>> = {
  get: smallGet,
  latency: addedLatency,
  stream: streamedChunks,
  submit: submits,
  claim: longQueues,
  plan: plans,
  admit: admissions,
  drain: drains,
  attach: attached,
  webhooks,
  list: lists,
}

async function longQueues(bench: Bench): Promise<Row[]> {
  const folder = bench.folder()
  const found = new Map<number, Claimed>()
  const rows: Row[] = []
  for (const size of bench.quick ? [1_000, 10_000] : [1_000, 100_000, 1_000_000]) {
    found.set(size, await claimsAt(bench, folder, size))
    if (size === (bench.quick ? 10_000 : 100_000)) rows.push(...(await starts(bench, folder, size)))
  }
  return [...claimRows(found), ...rows]
}

const raw: string[] = []
const say = (line: string) => {
  raw.push(line)
  process.stdout.write(`${line}\n`)
}
const root = mkdtempSync(join(tmpdir(), 'foreman-bench-'))
say(`load of the machine before: ${loadavg()[0]?.toFixed(2)} (anything near 0 is quiet)`)
const chosen = values.only?.split(',') ?? Object.keys(parts)
try {
  const bench = await openBench({ quick: values.quick, profile: values.profile, root, say })
  const rows: Row[] = []
  for (const name of chosen) {
    const part = parts[name]
    if (!part) throw new Error(`"${name}" is none of ${Object.keys(parts).join(', ')}`)
    rows.push(...(await part(bench)))
  }
  await Promise.all([bench.caller.stop(), bench.target.stop()])
  say('')
  say(table(rows))
  if (!values.quick && !values.only)
    record(join(import.meta.dirname, '..', '..', 'docs', 'benchmark.md'), raw.join('\n'))
} finally {
  rmSync(root, { recursive: true, force: true })
}
