// The states of a job and the only ways between them. This table is the law that queue.ts applies, the database
// repeats in CHECKs and docs/lifecycle.md draws; it decides, it does not write.

import { ForemanError } from './error.ts'

export const states = ['queued', 'loading', 'working', 'done', 'failed', 'canceled'] as const
export type State = (typeof states)[number]

/** What can happen to a job, named after the fact. */
export const happenings = [
  'load',
  'work',
  'finish',
  'fail',
  'cancel',
  'back_off',
  'give_back',
  'interrupt',
  'retry',
] as const
export type Happening = (typeof happenings)[number]

/** How a refusal says what cannot be. */
const participles: Readonly<Record<Happening, string>> = {
  load: 'loaded',
  work: 'worked on',
  finish: 'finished',
  fail: 'failed',
  cancel: 'canceled',
  back_off: 'backed off',
  give_back: 'given back',
  interrupt: 'interrupted',
  retry: 'retried',
}

/** From each state, the state that each happening leads to; what is not listed is refused. */
export const transitions: Readonly<Record<State, Partial<Record<Happening, State>>>> = {
  queued: { load: 'loading', fail: 'failed', cancel: 'canceled' },
  loading: {
    work: 'working',
    fail: 'failed',
    cancel: 'canceled',
    back_off: 'queued',
    give_back: 'queued',
    interrupt: 'queued',
  },
  working: {
    finish: 'done',
    fail: 'failed',
    cancel: 'canceled',
    back_off: 'queued',
    give_back: 'queued',
    interrupt: 'queued',
  },
  done: {},
  failed: { retry: 'queued' },
  canceled: { retry: 'queued', cancel: 'canceled' },
}

export function isTerminal(state: State): boolean {
  return state === 'done' || state === 'failed' || state === 'canceled'
}

/** More interruptions than this fail the job: something about it, or near it, keeps killing foreman. */
export const interruptionsAllowed = 5
/** This free requeue in a row without any progress counts as an attempt, so that no job comes back free for ever. */
export const freeRequeuesCounted = 3

/** The counters that decide how a run may end. */
export interface Tries {
  state: State
  /** Attempts begun, the running one included. */
  attempt: number
  max_attempts: number
  interruptions: number
  /** Free requeues since the job last made progress. */
  free_requeues: number
}

export interface Outcome extends Tries {
  /** The happening that was applied: a requeue that used up its allowance becomes `fail`. */
  happening: Happening
  /** Set when an allowance ran out. */
  exhausted?: 'attempts' | 'interruptions'
}

/**
 * Applies a happening. What counts as an attempt: everything after the request was sent. Free of charge are an absent
 * target (`give_back`) and a stopped or killed foreman (`interrupt`).
 * Throws `conflict` when the job's state does not allow it.
 */
export function advance(job: Tries & { id?: string }, happening: Happening, progressed = false): Outcome {
  const state = transitions[job.state][happening]
  if (!state)
    throw new ForemanError('conflict', `a ${job.state} job cannot be ${participles[happening]}`, { jobId: job.id })
  const next: Outcome = { ...pick(job), state, happening }
  if (progressed) next.free_requeues = 0
  switch (happening) {
    case 'load':
      next.attempt += 1
      return next
    case 'back_off':
      return job.attempt >= job.max_attempts ? exhaust(next, 'attempts') : next
    case 'give_back':
      next.free_requeues += 1
      if (next.free_requeues < freeRequeuesCounted) {
        next.attempt -= 1
        return next
      }
      next.free_requeues = 0
      return job.attempt >= job.max_attempts ? exhaust(next, 'attempts') : next
    case 'interrupt':
      next.interruptions += 1
      next.attempt -= 1
      return next.interruptions > interruptionsAllowed ? exhaust(next, 'interruptions') : next
    case 'retry':
      return { ...next, attempt: 0, interruptions: 0, free_requeues: 0 }
    default:
      return next
  }
}

function exhaust(next: Outcome, exhausted: 'attempts' | 'interruptions'): Outcome {
  return { ...next, state: 'failed', happening: 'fail', exhausted }
}

function pick({ state, attempt, max_attempts, interruptions, free_requeues }: Tries): Tries {
  return { state, attempt, max_attempts, interruptions, free_requeues }
}
