import { describe, expect, test } from 'vitest'
import type { Happening, State } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import { newJob } from '../store/store.harness.ts'
import { transition, type Facts } from './transition.ts'

const moment = { wall: 90_000, steady: 80_000, sequence: 42 }
const { idempotency_key: _key, idempotency_hash: _hash, ...inserted } = newJob(7, { queued_at: 10_000 })

/** A row as it is in a state, with everything set that may be. */
function row(state: State, more: Partial<JobRow> = {}): JobRow {
  const ran = ['loading', 'working', 'done', 'failed'].includes(state)
  return {
    ...inserted,
    state,
    key: 'm:latest',
    attempt: ran ? 1 : 0,
    loading_at: ran ? 20_000 : null,
    working_at: ran && state !== 'loading' ? 30_000 : null,
    finished_at: ['done', 'failed', 'canceled'].includes(state) ? 40_000 : null,
    due: null,
    error: state === 'failed' ? '{"code":"target_failed","detail":"x"}' : null,
    last_error: null,
    usage: state === 'done' ? '{}' : null,
    ...more,
  }
}

const apply = (state: State, happening: Happening, facts: Facts = {}, more: Partial<JobRow> = {}) =>
  transition(row(state, more), happening, facts, moment)

const error = { code: 'target_failed', detail: 'because' }

describe('what becomes of the row', () => {
  test('loading begins', () => {
    expect(apply('queued', 'load')?.after).toEqual(
      row('queued', { state: 'loading', attempt: 1, loading_at: 90_000, sequence: 42 }),
    )
  })

  test('working begins', () => {
    expect(apply('loading', 'work')?.after).toEqual(
      row('loading', { state: 'working', working_at: 90_000, sequence: 42 }),
    )
  })

  test('done has usage, with the time it was in the queue before it was loaded', () => {
    const { after } = apply('working', 'finish', { usage: { prompt_tokens: 3 } }) ?? {}
    expect(after).toMatchObject({ state: 'done', finished_at: 90_000, loading_at: 20_000, working_at: 30_000 })
    expect(JSON.parse(after?.usage ?? '')).toEqual({ prompt_tokens: 3, queue_ms: 10_000 })
  })

  test('a wall clock set back while it waited gives no time below none', () => {
    const { after } = apply('working', 'finish', {}, { queued_at: 50_000 }) ?? {}
    expect(JSON.parse(after?.usage ?? '')).toEqual({ queue_ms: 0 })
  })

  test('failed has its error and keeps when it ran', () => {
    expect(apply('working', 'fail', { error })?.after).toMatchObject({
      state: 'failed',
      finished_at: 9e4,
      loading_at: 2e4,
      working_at: 3e4,
      error: JSON.stringify(error),
    })
  })

  test('failed without a reason says that, as the database wants one', () => {
    expect(JSON.parse(apply('queued', 'fail')?.after.error ?? '')).toMatchObject({ code: 'internal' })
  })

  test('canceled has an end and no error', () => {
    for (const state of ['queued', 'loading', 'working'] as const)
      expect(apply(state, 'cancel', { error })?.after).toMatchObject({
        state: 'canceled',
        finished_at: 90_000,
        error: null,
      })
  })

  test('canceled while it backed off is due no more', () => {
    expect(apply('queued', 'cancel', {}, { due: 99 })?.after.due).toBeNull()
  })

  test('back in the queue it keeps its place, waits anew, and has forgotten its run', () => {
    const back = { state: 'queued', place: 7, queued_at: 90_000, waiting_since: 80_000, loading_at: null }
    const forgotten = { ...back, working_at: null, error: null, start_by: 77 }
    for (const happening of ['back_off', 'give_back', 'interrupt'] as const)
      expect(apply('working', happening, { error }, { start_by: 77 })?.after).toMatchObject(forgotten)
  })

  test('what went wrong last is known until the job ends, also when it comes back for nothing of its own', () => {
    const last_error = JSON.stringify(error)
    for (const happening of ['back_off', 'give_back'] as const)
      expect(apply('working', happening, { error })?.after.last_error).toBe(last_error)
    for (const [state, happening] of [
      ['working', 'interrupt'],
      ['queued', 'load'],
      ['loading', 'work'],
    ] as const)
      expect(apply(state, happening, {}, { last_error })?.after.last_error).toBe(last_error)
    for (const happening of ['finish', 'fail', 'cancel'] as const)
      expect(apply('working', happening, { error }, { last_error })?.after.last_error).toBeNull()
  })

  test('a backoff is counted in steady time', () => {
    expect(apply('working', 'back_off', { backoff_ms: 5000 })?.after.due).toBe(85_000)
    expect(apply('loading', 'give_back', { backoff_ms: 1 })?.after.due).toBe(80_001)
    expect(apply('working', 'back_off')?.after.due).toBeNull()
  })

  test('with no attempt left it fails for what the target did, and is due no more', () => {
    const { after, event } = apply('working', 'back_off', { error, backoff_ms: 5000 }, { attempt: 3 }) ?? {}
    expect(after).toMatchObject({ state: 'failed', attempt: 3, due: null, error: JSON.stringify(error) })
    expect(event).toMatchObject({ state: 'failed', happening: 'fail' })
  })

  test('interrupted too often it fails for that, whatever else was wrong', () => {
    const { after } = apply('working', 'interrupt', { error }, { interruptions: 5 }) ?? {}
    expect(after).toMatchObject({ state: 'failed', interruptions: 6, attempt: 0 })
    expect(JSON.parse(after?.error ?? '').code).toBe('interrupted')
  })

  test('a retry clears error, end and start_by, and goes to the end of its key', () => {
    const spent = { attempt: 3, interruptions: 4, free_requeues: 2, start_by: 50_000 }
    expect(apply('failed', 'retry', {}, spent)?.after).toEqual(
      row('queued', { place: 42, sequence: 42, queued_at: 90_000, waiting_since: 80_000 }),
    )
    expect(apply('canceled', 'retry')?.after).toMatchObject({ state: 'queued', place: 42, finished_at: null })
  })
})

describe('the event', () => {
  test('has the number of the row’s sequence, both times, and what happened', () => {
    expect(apply('queued', 'load')?.event).toEqual({
      seq: 42,
      job: 7,
      state: 'loading',
      happening: 'load',
      at: 9e4,
      steady: 8e4,
      attempt: 1,
    })
  })

  test('there is none for a repeated cancel, and no change either', () => {
    expect(apply('canceled', 'cancel')).toBeUndefined()
  })
})

test('what the law refuses is refused', () => {
  expect(() => apply('done', 'cancel')).toThrow(expect.objectContaining({ code: 'conflict' }))
})

test('the row handed in stays as it is', () => {
  expect(() => transition(Object.freeze(row('working')), 'finish', Object.freeze({}), moment)).not.toThrow()
})
