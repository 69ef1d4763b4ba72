// `npm run storm`: a foreman that is killed again and again, at random moments and at every point of its commits in turn,
// while callers call, the target fails and receivers refuse; then everything comes to its end, and nothing may be lost,
// done twice, or told that is not so. It ends with a summary and 0, or with what was found and 1.
//   --kills N   how often it is killed: 300
//   --seed N    of all that is chosen by chance: 1. The timing is the machine's, so a storm cannot be had twice.
//   --quick     50 kills

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Storm } from './storm.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, kills: { type: 'string' }, seed: { type: 'string' } },
})
const kills = Number(values.kills ?? (values.quick ? 50 : 300))
const seed = Number(values.seed ?? 1)
const say = (line: string) => process.stdout.write(`${line}\n`)
/** Faults shown of each storm; one cause has many of them. */
const shown = 40

const folder = mkdtempSync(join(tmpdir(), 'foreman-storm-'))
const started = performance.now()
const seconds = () => Math.round((performance.now() - started) / 1000)
say(`storm: seed ${seed}, ${kills} kills`)
const storm = await Storm.open({ folder: join(folder, 'data'), seed, say })
try {
  await storm.rage(kills)
  say(`the storm is over after ${seconds()} s; what is left comes to its end`)
  await storm.drain()
} catch (error) {
  storm.faults.push((error as Error).message)
} finally {
  await storm.close()
}
const faults = storm.judge()
for (const line of storm.summary()) say(line)
for (const fault of faults.slice(0, shown)) say(`FAULT ${fault}`)
if (faults.length > shown) say(`… and ${faults.length - shown} more`)
say(
  `storm: seed ${seed}, ${kills} kills in ${seconds()} s: ${faults.length === 0 ? 'no fault' : `${faults.length} faults`}`,
)
if (faults.length === 0) rmSync(folder, { recursive: true, force: true })
else say(`its data folder is kept: ${folder}`)
process.exit(faults.length === 0 ? 0 : 1)
