// Calls as lines of JSON on standard input, outcomes as lines on standard output. The first line tells the version.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Of an installed package, which says nothing of it by itself. */
export function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
}

/** Runs `call(ask, outcome)` for each line; what it throws belongs to the outcome. */
export async function serve(version, call) {
  const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)
  say({ version })
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = { answers: [] }
    try {
      await call(JSON.parse(line), outcome)
    } catch (error) {
      const { constructor, name, message, status, status_code = status, statusCode = status_code } = error
      outcome.error = { class: constructor.name || name, status: statusCode, message }
    }
    say(outcome)
  }
}
