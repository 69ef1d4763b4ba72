// `npm run simulate`: the law of job/schedule.ts and job/admit.ts on a clock of its own, before a model of Ollama's scheduler.
//   (nothing)       the tables, as Markdown
//   -- --draw       writes them to docs/scheduling-tables.md, and the picture beside it
//   -- search N     the bound for people over N random configurations

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { burst } from './draw.ts'
import { jobsTables } from './jobs-tables.ts'
import { peopleTables } from './people-tables.ts'
import { search } from './search.ts'

const { values, positionals } = parseArgs({
  options: { draw: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const say = (text: string) => process.stdout.write(`${text}\n`)

if (positionals[0] === 'search') {
  for (const knows of [true, false]) say(search(Number(positionals[1] ?? 1_000), knows))
} else {
  const tables = `# Scheduling, simulated

Written by \`npm run simulate -- --draw\`; what the rules are is in [scheduling.md](scheduling.md). Four models unless said,
loads of 20 s, one runner at a time. Means over 30 seeds for jobs, 20 for the burst of people. The reference columns are figures
of another simulation of the same law, written in Python by other hands.

## Jobs

Work is 5 to 25 s, evenly. The reference does not say how its work and arrivals were distributed, so only its loads and makespans
can be compared.

${jobsTables()}

## People

${peopleTables()}
`
  say(tables)
  if (values.draw) {
    const docs = join(import.meta.dirname, '..', '..', 'docs')
    writeFileSync(join(docs, 'scheduling-tables.md'), tables)
    writeFileSync(join(docs, 'scheduling-burst.svg'), burst())
  }
}
