// The events of all jobs (GET /events) as they happen, taken up again where they were cut.

import type { Job } from '../api.ts'
import { Hearing } from '../hearing.ts'
import { linesOf } from '../lines.ts'
import { first_ms, patiently, pause } from '../patience.ts'
import { serverSent } from '../server-sent.ts'
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
    const hearing = new Hearing(signal)
    try {
      const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after }
      const ask = () => caller.ask('/events', { headers, signal: hearing.signal })
      const answer = await patiently(ask, { signal, unreachable_ms })
      hearing.heard()
      if (first) await begun()
      first = false
      for await (const { id, event, data = '' } of serverSent(linesOf(answer.body, hearing.heard))) {
        // The first has no event: it is the place to go on from while nothing has happened.
        after = id ?? after
        if (event === 'state') yield JSON.parse(data) as Job
      }
    } catch (error) {
      signal.throwIfAborted()
      // Only a cut, in the words of fetch, is gone on after.
      if (!hearing.signal.aborted && !(error instanceof TypeError)) throw error
    } finally {
      hearing.end()
    }
    await pause(first_ms, signal)
  }
}
