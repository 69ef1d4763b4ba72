// foreman as the storm meets it: a process of its own whose time for decisions runs faster, so that the schedule of tries
// passes within the storm, and that dies by SIGKILL at a named moment. Usage: `node child.ts <point> [nth]`, where a point
// is `<label>:before|inside|after` (server/store/commit.ts) or `none`, and settings come from the environment. It writes
// its address to standard output, and each point that it passes for the first time; what it logs goes to standard error.

import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import pino from 'pino'
import { startApp } from '../../server/app.ts'
import { systemClock, type Clock } from '../../server/clock.ts'
import { loadConfig } from '../../server/config.ts'

/** Five seconds before a second try are a quarter of one; ten minutes are half of one. Records keep the real time. */
const haste = 20

const clock: Clock = {
  now: () => systemClock.now() * haste,
  wall: () => systemClock.wall(),
  at: (time, fn) => systemClock.at(time / haste, fn),
}

const [deadly = 'none', nth = '1'] = process.argv.slice(2)
let left = Number(nth)
const passed = new Set<string>()

const app = await startApp({
  config: loadConfig(process.env, () => ''),
  log: pino({ level: 'error' }, pino.destination({ fd: 2, sync: true })),
  owner: process.pid,
  clock,
  fault: (point) => {
    if (!passed.has(point)) {
      passed.add(point)
      writeSync(1, `passed ${point}\n`)
    }
    // A signal to oneself is delivered before kill returns: nothing after this line happens.
    if (point === deadly && --left === 0) process.kill(process.pid, 'SIGKILL')
  },
})
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))
writeSync(1, `listening ${app.url}\n`)
// Who is killed saves nothing at its end: the next one starts faster for this.
flushCompileCache()
