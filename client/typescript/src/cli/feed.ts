// The events of all jobs (GET /events) as they happen, taken up again where they were cut.

import type { Job } from '../api.ts'
import { linesOf } from '../lines.ts'
import { first_ms, patiently, pause } from '../patience.ts'
import type { Session } from './session.ts'

/** A foreman that is away is waited for so long. */
const unreachable_ms = 300_000

/**
 * Each change of state of any job from now on. `begun` is awaited once nothing will be missed any more. Throws the
 * signal's reason, or what refused it.
 */
export async function* feedOf({ caller, signal }: Session, begun: () => Promise<void>): AsyncGenerator<Job, void> {
  let after: string | undefined
  let first = true
  for (;;) {
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after }
    const answer = await patiently(() => caller.ask('/events', { headers, signal }), { signal, unreachable_ms })
    if (first) await begun()
    first = false
    let event = ''
    try {
      for await (const line of linesOf(answer.body)) {
        const value = line.slice(line.indexOf(':') + 1).trimStart()
        if (line.startsWith('id:')) after = value
        else if (line.startsWith('event:')) event = value
        else if (line.startsWith('data:') && event === 'state') yield JSON.parse(value) as Job
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof TypeError)) throw error // a cut, in the words of fetch
    }
    await pause(first_ms, signal)
  }
}
