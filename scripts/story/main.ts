// `npm run story`: a day and a night of foreman's, 24 hours on a clock of the story, with real processes, HTTP and disk: the
// Mac sleeps and wakes, foreman is redeployed and killed, people chat, receivers are out, the disk is full. At the end a
// line for each thing that must be so, and 0, or what was not so, and 1.
//   --seed N   of all that is chosen by chance: 1. In which order answers come is the machine's, so no day is had twice.
//   --quick    a fifth of the jobs, of the people and of those who look

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { day, due } from './day.ts'
import { Story } from './story.ts'
import { verdict } from './verdict.ts'
import { clockTime } from './waits.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? 1)
const share = values.quick ? 0.2 : 1
const leisure = values.quick ? 5 : 1
const say = (line: string) => process.stdout.write(`${line}\n`)
/** Faults shown of each finding; one cause has many of them. */
const shown = 10
const length_ms = 24 * 3_600_000
const evening = Date.UTC(2026, 10, 22, 23)

const folder = mkdtempSync(join(tmpdir(), 'foreman-story-'))
const started = performance.now()
const seconds = () => Math.round((performance.now() - started) / 1000)
const story = await Story.open({ folder: join(folder, 'data'), seed, wall: evening, leisure })
const { hours } = story
const part = (of: number) => Math.ceil(of * share)

say(`story: seed ${seed}${values.quick ? ', quick' : ''}`)
/** What has begun and not come to its end. */
const open = new Set<string>()
let faults = 0
try {
  await story.begin()
  for (const happening of day)
    hours.clock.at(due(happening), () => {
      const { what } = happening
      say(`${clockTime(hours.now)} ${what}`)
      open.add(what)
      hours.meanwhile(Promise.resolve(happening.happen(story, part)).then(() => open.delete(what)))
    })
  await hours.pass(() => hours.clock.now() >= length_ms)
  const evidence = await story.end()
  for (const what of open) evidence.chronicle.wrong.push(`it did not end: ${what}`)
  const findings = verdict(evidence)
  say(`${clockTime(hours.now)} the end, after ${seconds()} s`)
  for (const { what, figures, faults: found } of findings) {
    say(`${found.length === 0 ? 'ok   ' : 'FAULT'} ${what}${figures ? `: ${figures}` : ''}`)
    for (const fault of found.slice(0, shown)) say(`      ${fault}`)
    if (found.length > shown) say(`      … and ${found.length - shown} more`)
    faults += found.length
  }
  for (const [what, count] of Object.entries(story.chronicle.requests)) say(`      ${count} ${what}`)
} catch (error) {
  say(`FAULT ${(error as Error).stack}`)
  faults++
} finally {
  await story.close()
}
say(`story: seed ${seed}, 24 hours in ${seconds()} s: ${faults === 0 ? 'no fault' : `${faults} faults`}`)
if (faults === 0) rmSync(folder, { recursive: true, force: true })
else {
  const { log, works, memory } = story.chronicle
  for (const [name, lines] of Object.entries({ log, works, memory }))
    writeFileSync(join(folder, `${name}.ndjson`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  say(`its data, the log, what the target did and what foreman held are kept: ${folder}`)
}
process.exit(faults === 0 ? 0 : 1)
