// What happens to a job, as it happens: server-sent events, read by fetch so that a token can go along, and taken up
// again where they were cut.

import type { Job } from './api.ts'
import type { Connection, SignalOptions } from './connection.ts'
import { Hearing } from './hearing.ts'
import { linesOf } from './lines.ts'
import { first_ms, pause } from './patience.ts'
import { serverSent, type ServerSent } from './server-sent.ts'

/** `id` is what to go on after; a restart has none. */
export type JobEvent =
  /** The job as it was then, without what is only known live. */
  | { event: 'state'; id: string; job: Job }
  /** A line of the target, as text: its numbers are exact. */
  | { event: 'output'; id: string; line: string }
  /** Forget the output so far: the job is back in the queue. */
  | { event: 'restart' }
  /** There is no more. */
  | { event: 'end'; id: string; state: Job['state'] }

export interface EventsOptions extends SignalOptions {
  /** The id of the last event seen; default: from the start of the job. */
  after?: string
}

/** Each event once and in order, over cut connections and restarts of foreman. */
export async function* eventsOf(
  connection: Connection,
  id: string,
  { after, signal }: EventsOptions = {},
): AsyncGenerator<JobEvent, void> {
  for (;;) {
    const hearing = new Hearing(signal)
    try {
      const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after }
      const path = `/jobs/${encodeURIComponent(id)}/events`
      const answer = await connection.patiently(
        () => connection.rest.open(path, { headers, signal: hearing.signal }),
        signal,
      )
      if (answer.status === 204) return
      const events = eventsIn(linesOf(answer.body, hearing.heard))
      hearing.heard()
      for (;;) {
        const next = await events.next().catch(() => undefined)
        signal?.throwIfAborted()
        if (!next || next.done) break
        if ('id' in next.value) after = next.value.id
        yield next.value
        if (next.value.event === 'end') return
      }
    } finally {
      hearing.end()
    }
    await pause(first_ms, signal)
  }
}

async function* eventsIn(lines: AsyncIterable<string>): AsyncGenerator<JobEvent, void> {
  for await (const told of serverSent(lines)) {
    const event = eventOf(told)
    if (event) yield event
  }
}

/** Undefined for what tells nothing, and for kinds that a later foreman may have. */
function eventOf({ event, id = '', data = '' }: ServerSent): JobEvent | undefined {
  if (event === 'state') return { event, id, job: JSON.parse(data) as Job }
  if (event === 'output') return { event, id, line: data }
  if (event === 'restart') return { event }
  if (event === 'end') return { event, id, state: (JSON.parse(data) as { state: Job['state'] }).state }
  return undefined
}
