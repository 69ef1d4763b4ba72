// The two event streams as tRPC subscriptions: the same steps and ids, typed.

import { tracked, TRPCError, type TrackedEnvelope } from '@trpc/server'
import { ForemanError } from '../job/error.ts'
import type { Job } from '../job/schema.ts'
import type { State } from '../job/state.ts'
import { Feed } from './feed.ts'
import { positionOf, sequenceOf, start } from './position.ts'
import { Trail, type Step } from './trail.ts'
import type { Api } from './trpc.ts'

export type JobEvent =
  | { event: 'state'; job: Job }
  /** A line of the target, as text: its numbers are exact. */
  | { event: 'output'; line: string }
  /** Forget earlier output: the job starts over. */
  | { event: 'restart' }
  | { event: 'end'; state: State }

export type QueueEvent =
  | { event: 'state'; job: Job }
  /** Something is missing before this number: list the jobs anew. */
  | { event: 'reset'; sequence: number }

/** Throws `not_found`, `gone` or `invalid_request` at once. */
export function jobEvents(
  api: Api,
  input: { id: string; lastEventId?: string },
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<TrackedEnvelope<JobEvent>, void> {
  const from = input.lastEventId ? positionOf(input.lastEventId, '/lastEventId') : start
  return tellJob(new Trail(api, api.queue.find(input.id).seq, from), signal)
}

async function* tellJob(trail: Trail, signal: AbortSignal): AsyncGenerator<TrackedEnvelope<JobEvent>, void> {
  for await (const step of trail.steps(signal)) {
    yield* eventsOf(step)
    if (step.event === 'end') return
  }
  if (!trail.over) interrupted()
}

function* eventsOf(step: Step): Generator<TrackedEnvelope<JobEvent>> {
  if (step.event === 'state')
    yield tracked(`${step.state.sequence}-0`, { event: 'state' as const, job: step.state.job })
  else if (step.event === 'restart') yield tracked(`${step.at.sequence}-${step.at.line}`, { event: 'restart' as const })
  else if (step.event === 'end') yield tracked(`${step.sequence}-1`, { event: 'end' as const, state: step.state })
  else {
    const { sequence, from, lines } = step.batch
    for (const [i, line] of lines.entries())
      yield tracked(`${sequence}-${from + i + 1}`, { event: 'output' as const, line: line.toString() })
  }
}

/** Throws `invalid_request` at once. */
export function queueEvents(
  api: Api,
  input: { lastEventId?: string },
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<TrackedEnvelope<QueueEvent>, void> {
  const after = input.lastEventId ? sequenceOf(input.lastEventId, '/lastEventId') : undefined
  return tellAll(new Feed(api.queue, after), signal)
}

async function* tellAll(feed: Feed, signal: AbortSignal): AsyncGenerator<TrackedEnvelope<QueueEvent>, void> {
  for await (const step of feed.steps(signal)) {
    if (step.event === 'state')
      yield tracked(String(step.state.sequence), { event: 'state' as const, job: step.state.job })
    else yield tracked(String(step.sequence), step)
  }
  interrupted()
}

/** An end in order would tell the client that there is nothing to come back for. */
function interrupted(): never {
  const cause = new ForemanError('stopping', 'foreman is stopping', { retryAfterS: 5 })
  throw new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: cause.message, cause })
}
