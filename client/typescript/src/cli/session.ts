// What a command has to work with. It resolves with its exit code, and throws what went wrong.

import type { Caller } from './caller.ts'
import { UsageError } from './failure.ts'
import type { Output } from './output.ts'

export interface Session {
  caller: Caller
  output: Output
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
  stdin: NodeJS.ReadStream
}

/** The whole standard input as text. */
export async function readAll({ stdin, signal }: Session): Promise<string> {
  const pieces: Buffer[] = []
  const leave = () => stdin.destroy()
  signal.addEventListener('abort', leave, { once: true })
  try {
    for await (const piece of stdin) pieces.push(Buffer.from(piece as Uint8Array))
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', leave)
  }
  signal.throwIfAborted()
  try {
    return Buffer.concat(pieces).toString('utf8')
  } catch (error) {
    // There are texts too long for a string.
    throw new UsageError(`the standard input: ${(error as Error).message}`)
  }
}
