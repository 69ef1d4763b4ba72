// Loaded into every child before its own code (`--import`), foreman's included: tells what the process has used so far,
// and ends it. It changes nothing else, so what is measured is the program as it is.

import { answer } from './answers.ts'

/** What a process has used: processor time since its start in microseconds, resident memory now in bytes. */
export interface Usage {
  cpuUs: number
  rss: number
}

answer({
  usage: (): Usage => {
    const { user, system } = process.cpuUsage()
    return { cpuUs: user + system, rss: process.memoryUsage.rss() }
  },
  // By itself, not by a signal: only so a profile (--cpu-prof) gets written.
  exit: () => process.exit(0),
})

// No child outlives the benchmark, however that ends.
process.on('disconnect', () => process.exit(0))
