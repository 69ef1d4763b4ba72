// `npm run doctor [-- --json]`: looks at what foreman needs, whether one runs or not, and says what is well, what may
// surprise, and what does not work. 0 when nothing fails, 1 when something does, 2 when asked for in a wrong way.

import { Asker } from './doctor/ask.ts'
import { examineClock, moment } from './doctor/clock.ts'
import { examineDisk } from './doctor/disk.ts'
import { lineOf, type Finding } from './doctor/finding.ts'
import { examineFolder, standingFolder } from './doctor/folder.ts'
import { examineReceiver } from './doctor/receiver.ts'
import { examineRunning } from './doctor/running.ts'
import { examineNode, examineSettings } from './doctor/settings.ts'
import { examineTarget } from './doctor/target.ts'
import { examineWake, surroundings } from './doctor/wake.ts'

/** Finding by finding, as they are made. */
async function* examine(): AsyncGenerator<Finding> {
  const began = moment()
  yield examineNode()
  const { config, findings } = examineSettings(process.env)
  yield* findings
  // All the rest is about what the settings name.
  if (!config) return
  yield* examineFolder(config.data, process.getuid?.())
  yield* examineDisk(standingFolder(config.data), config.bodyMax)
  const asker = new Asker()
  yield* await examineTarget(config, asker)
  yield examineWake(config, surroundings())
  yield await examineReceiver(config, asker)
  yield* await examineRunning(config, asker)
  yield* examineClock(asker.skews, began, moment())
}

const [form, ...more] = process.argv.slice(2)
if (more.length > 0 || (form !== undefined && form !== '--json')) {
  process.stderr.write('usage: npm run doctor [-- --json]\n')
  process.exitCode = 2
} else {
  const findings: Finding[] = []
  for await (const finding of examine()) {
    findings.push(finding)
    if (form === undefined) process.stdout.write(`${lineOf(finding)}\n`)
  }
  const well = findings.every(({ verdict }) => verdict !== 'fail')
  if (form === '--json') process.stdout.write(`${JSON.stringify({ well, findings })}\n`)
  process.exitCode = well ? 0 : 1
}
