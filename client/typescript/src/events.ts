// What happens to a job, or to all of them, as it happens: server-sent events, read by fetch so that a token can go along, and
// taken up again where they were cut.

import type { Job } from './api.ts'
import type { Connection, SignalOptions } from './connection.ts'
import { ForemanError, ofJob } from './error.ts'
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

/** `id` is what to go on after. */
export type QueueEvent =
  /** The first: whatever happens after this is told. */
  | { event: 'begin'; id: string }
  /** A job as it was when it came into a state, without what is only known live. */
  | { event: 'state'; id: string; job: Job }
  /** Of jobs that were erased meanwhile not all was told: look at the jobs anew. */
  | { event: 'reset'; id: string }

export interface EventsOptions extends SignalOptions {
  /** The id of the last event seen; default: from the start of the job, and of all jobs from now on. */
  after?: string | undefined
}

/** Each event of a job once and in order, over cut connections and restarts of foreman. */
export async function* eventsOf(
  connection: Connection,
  id: string,
  options: EventsOptions = {},
): AsyncGenerator<JobEvent, void> {
  try {
    for await (const told of followed(connection, `/jobs/${encodeURIComponent(id)}/events`, options)) {
      const event = eventOf(told)
      if (event) yield event
      if (event?.event === 'end') return
    }
  } catch (error) {
    throw ofJob(id, error)
  }
}

/** Each state that a job comes into, over cut connections and restarts of foreman. It has no end. */
export async function* eventsOfAll(
  connection: Connection,
  options: EventsOptions = {},
): AsyncGenerator<QueueEvent, void> {
  let begun = false
  for await (const { event, id = '', data = '' } of followed(connection, '/events', options)) {
    if (event === 'state') yield { event, id, job: parsed(data) as Job }
    else if (event === 'reset') yield { event, id }
    // Each connection begins with its place; of a later one that is where the last was cut.
    else if (event === undefined && id !== '' && !begun) {
      begun = true
      yield { event: 'begin', id }
    }
  }
}

/** What is said at an address, one connection after the other until there is no more. */
async function* followed(
  connection: Connection,
  path: string,
  { after, signal }: EventsOptions,
): AsyncGenerator<ServerSent, void> {
  for (;;) {
    const begun = await connection.patiently(() => begin(connection, path, { after, signal }), signal)
    if (!begun) return
    const { hearing, events, first } = begun
    let next: IteratorResult<ServerSent, void> | undefined = first
    try {
      while (next && !next.done) {
        after = next.value.id ?? after
        yield next.value
        next = await events.next().catch(() => undefined)
        signal?.throwIfAborted()
      }
    } finally {
      hearing.end()
    }
    await pause(first_ms, signal)
  }
}

/** A connection with its first word, of which foreman has one at once; undefined when there is no more to hear. */
async function begin(connection: Connection, path: string, { after, signal }: EventsOptions) {
  const hearing = new Hearing(signal)
  try {
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after }
    hearing.heard()
    const answer = await connection.rest.open(path, { headers, signal: hearing.signal })
    if (answer.status === 204) {
      hearing.end()
      return undefined
    }
    const type = answer.headers.get('content-type')
    if (!type?.startsWith('text/event-stream'))
      throw new ForemanError('unreachable', `no events, but ${type}`, { status: answer.status })
    const events = serverSent(linesOf(answer.body, hearing.heard))
    const first = await events.next().catch(() => undefined)
    if (!first || first.done) throw new ForemanError('unreachable', 'the events break off before there are any')
    return { hearing, events, first }
  } catch (error) {
    hearing.end()
    throw error
  }
}

/** Undefined for what tells nothing, and for kinds that a later foreman may have. */
function eventOf({ event, id = '', data = '' }: ServerSent): JobEvent | undefined {
  if (event === 'state') return { event, id, job: parsed(data) as Job }
  if (event === 'output') return { event, id, line: data }
  if (event === 'restart') return { event }
  if (event === 'end') return { event, id, state: (parsed(data) as { state: Job['state'] }).state }
  return undefined
}

/** No later connection would say it otherwise. Throws ForemanError for what is no JSON. */
export function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new ForemanError('unreachable', "not a line of foreman's", { cause })
  }
}
