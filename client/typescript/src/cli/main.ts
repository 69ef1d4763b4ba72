// The process of the command line: arguments, signals, and the exit code of whatever happened.

import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { exit, failureOf, UsageError } from './failure.ts'
import { Output } from './output.ts'
import { programOf } from './program.ts'

const { stdout, stderr, stdin, env, argv } = process
const output = new Output({ stdout, stderr, env })
const abort = new AbortController()
const interrupt = () => {
  if (abort.signal.aborted) process.exit(exit.interrupted) // again: at once, whatever it still does
  abort.abort(new Error('interrupted'))
}
// They stay: what shows a cursor again at the end would take the process for one without any, and end it.
process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
/** Why results can be written no more: whoever read them has enough, as `head` has, or a disk is full. */
let unwritable: NodeJS.ErrnoException | undefined
let over = false
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (unwritable) return
  unwritable = error
  // As Ctrl-C does: a run has a job to cancel.
  abort.abort(error)
  if (over) process.exitCode = codeOf(error)
})
// What is told about them is not worth ending for.
stderr.on('error', () => undefined)

let where = { token: false }
const program = programOf({
  version: (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version,
  output,
  signal: abort.signal,
  stdin,
  onCaller: (caller) => (where = caller),
  onEnd: (code) => (process.exitCode = code),
})

try {
  await program.parseAsync(argv)
} catch (error) {
  process.exitCode = codeOf(error)
}
over = true

function codeOf(error: unknown): number {
  if (unwritable?.code === 'EPIPE') return exit.ok
  if (abort.signal.aborted && !unwritable) return exit.interrupted
  // Help and the version are written by then.
  if (error instanceof CommanderError && error.exitCode === 0) return exit.ok
  const typed = error instanceof CommanderError ? new UsageError(usageOf(error)) : (unwritable ?? error)
  const failure = failureOf(typed, where)
  output.failure(failure)
  return failure.exit
}

function usageOf({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'what is it to do? `foreman --help` says what there is'
  return message.replace(/^error: /, '')
}
