// foreman as the story meets it: a process of its own whose clock stands still until the story says how far it goes.
// Usage: `node child.ts <wall> <port>`, epoch milliseconds of its beginning and where packets for the sleeping target go;
// settings come from the environment. Each number it is told by its parent is milliseconds to go; it answers with where it is
// then. It logs to standard output, as foreman does.

import pino from 'pino'
import { startApp } from '../../server/app.ts'
import { VirtualClock } from '../../server/clock.ts'
import { loadConfig } from '../../server/config.ts'
import { Exchanges } from './exchanges.ts'
import type { Pace } from './hours.ts'

/** JSON has no Infinity. */
const longest_ms = 3_600_000

const [wall, port] = process.argv.slice(2).map(Number)
const clock = new VirtualClock(wall)
const exchanges = new Exchanges()
process.on('message', (ms: number) => {
  clock.advance(ms)
  // What came of it has had its turn by then.
  setImmediate(() => process.send?.(pace()))
})
// A story that was broken off leaves no foreman behind.
process.once('disconnect', () => process.exit(1))

function pace(): Pace {
  return { left: Math.min(clock.due - clock.now(), longest_ms), pending: exchanges.pending }
}

const timestamp = () => `,"time":"${new Date(clock.wall()).toISOString()}"`
const log = pino({ base: null, timestamp }, pino.destination({ dest: 1, sync: true }))
const app = await startApp({
  config: loadConfig(process.env, () => ''),
  log,
  owner: process.pid,
  clock,
  wakePort: port,
})
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))
log.info(`listening on ${app.url}`)
