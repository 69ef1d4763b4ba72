// How the commands that keep a database end: 0 done, 1 could not, 2 asked for in a wrong way; and one plain line of why.

import { StoreUnusable } from '../../server/store/folder.ts'

/** Why a command does nothing; the message is for the operator. */
export class Refusal extends Error {
  readonly code: 1 | 2

  constructor(message: string, code: 1 | 2 = 1) {
    super(message)
    this.code = code
  }
}

/** Does the work and writes the line that it answers; what refuses is written plainly and becomes the exit code. */
export function perform(name: string, work: () => string): void {
  try {
    process.stdout.write(`${work()}\n`)
  } catch (error) {
    const plain = error instanceof Refusal || error instanceof StoreUnusable || 'code' in (error as object)
    if (!plain) throw error
    process.stderr.write(`${name}: ${(error as Error).message}\n`)
    process.exitCode = error instanceof Refusal ? error.code : 1
  }
}
