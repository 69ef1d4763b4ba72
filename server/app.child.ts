// For the kill tests: a foreman in a process of its own that dies by SIGKILL at a named moment. Usage:
// `node app.child.ts <point> [nth]`, where a point is `<happening>:before|inside|after` (store/commit.ts) or `none`, and
// settings come from the environment. It writes its address to standard output. No part of the running foreman.

import { flushCompileCache } from 'node:module'
import pino from 'pino'
import { startApp } from './app.ts'
import { loadConfig } from './config.ts'

const [deadly = 'none', nth = '1'] = process.argv.slice(2)
let left = Number(nth)

const { url } = await startApp({
  config: loadConfig(process.env, () => ''),
  log: pino({ level: 'silent' }),
  owner: process.pid,
  fault: (point) => {
    // A signal to oneself is delivered before kill returns: nothing after this line happens.
    if (point === deadly && --left === 0) process.kill(process.pid, 'SIGKILL')
  },
})
process.stdout.write(`${url}\n`)
// Who is killed saves nothing at its end: the next one starts faster for this.
flushCompileCache()
