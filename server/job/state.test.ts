import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  advance,
  freeRequeuesCounted,
  happenings,
  interruptionsAllowed,
  isTerminal,
  states,
  transitions,
  type Happening,
  type State,
  type Tries,
} from './state.ts'

const job = (state: State, tries: Partial<Tries> = {}): Tries => {
  const attempt = state === 'queued' ? 0 : 1
  return { state, attempt, max_attempts: 3, interruptions: 0, free_requeues: 0, ...tries }
}

/** The whole table of wire.md, written out a second time: what is not here is refused. */
const allowed: Record<State, Partial<Record<Happening, State>>> = {
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

const pairs = states.flatMap((state) => happenings.map((happening) => [state, happening] as const))

describe('what may happen in which state', () => {
  test.each(pairs)('%s, %s', (state, happening) => {
    const next = allowed[state][happening]
    if (next) {
      expect(advance(job(state), happening)).toMatchObject({ state: next, happening })
      return
    }
    expect(() => advance(job(state), happening)).toThrow(
      new RegExp(`^a ${state} job cannot be (\\w+(ed|en back)|worked on|backed off)$`),
    )
    expect(transitions[state][happening]).toBeUndefined()
  })

  test('a refusal has the code conflict, names the job, and says what it cannot be', () => {
    const refused = { code: 'conflict', jobId: 'job_1', message: 'a done job cannot be canceled' }
    expect(() => advance({ ...job('done'), id: 'job_1' }, 'cancel')).toThrow(expect.objectContaining(refused))
  })

  test('done, failed and canceled are the ends, and only a retry leaves them', () => {
    expect(states.filter(isTerminal)).toEqual(['done', 'failed', 'canceled'])
    for (const state of states.filter(isTerminal)) {
      const ways = Object.entries(transitions[state]).filter(([, next]) => next !== state)
      expect(ways.map(([happening]) => happening)).toEqual(state === 'done' ? [] : ['retry'])
    }
  })

  test('every run passes loading and working', () => {
    const into = (to: State) => states.filter((from) => Object.values(transitions[from]).includes(to))
    expect(into('done')).toEqual(['working'])
    expect(into('working')).toEqual(['loading'])
    expect(into('loading')).toEqual(['queued'])
  })
})

describe('what counts as an attempt', () => {
  test('each load is one', () => {
    expect(advance(job('queued', { attempt: 1 }), 'load').attempt).toBe(2)
  })

  test('a failure that may be tried again keeps it, until there is none left: then the job fails', () => {
    expect(advance(job('working', { attempt: 2 }), 'back_off')).toMatchObject({ state: 'queued', attempt: 2 })
    expect(advance(job('working', { attempt: 3 }), 'back_off')).toMatchObject({
      state: 'failed',
      happening: 'fail',
      attempt: 3,
      exhausted: 'attempts',
    })
    expect(advance(job('loading', { max_attempts: 1 }), 'back_off').state).toBe('failed')
  })

  test('an absent target is free twice in a row; the third time is an attempt', () => {
    let now: Tries = job('queued')
    const attempts: number[] = []
    for (let i = 0; i < 7; i++) {
      now = advance(advance(now, 'load'), 'give_back')
      attempts.push(now.attempt)
    }
    expect(freeRequeuesCounted).toBe(3)
    expect(attempts).toEqual([0, 0, 1, 1, 1, 2, 2])
    expect(now.state).toBe('queued')
  })

  test('so no job comes back free for ever', () => {
    let now: Tries = job('queued')
    let runs = 0
    for (; now.state === 'queued'; runs++) now = advance(advance(now, 'load'), 'give_back')
    expect(now).toMatchObject({ state: 'failed', attempt: 3, exhausted: 'attempts' })
    expect(runs).toBe(9)
  })

  test('progress makes the next two free again', () => {
    const twice = job('working', { attempt: 1, free_requeues: 2 })
    expect(advance(twice, 'give_back', true)).toMatchObject({ attempt: 0, free_requeues: 1 })
    expect(advance(twice, 'give_back', false)).toMatchObject({ attempt: 1, free_requeues: 0 })
  })

  test('an interruption is free, and the sixth fails the job', () => {
    let now: Tries = job('queued')
    for (let i = 1; i <= interruptionsAllowed; i++) {
      now = advance(advance(now, 'load'), 'interrupt')
      expect(now).toMatchObject({ state: 'queued', attempt: 0, interruptions: i })
    }
    expect(advance(advance(now, 'load'), 'interrupt')).toMatchObject({
      state: 'failed',
      happening: 'fail',
      interruptions: 6,
      exhausted: 'interruptions',
    })
  })

  test('a retry by the caller starts over', () => {
    const spent = job('failed', { attempt: 3, interruptions: 6, free_requeues: 2 })
    expect(advance(spent, 'retry')).toMatchObject({ state: 'queued', attempt: 0, interruptions: 0, free_requeues: 0 })
  })

  test('nothing else touches a counter', () => {
    for (const happening of ['work', 'fail', 'cancel'] as const) {
      const before = job('loading', { attempt: 2, interruptions: 4, free_requeues: 2 })
      expect(advance(before, happening)).toMatchObject({ attempt: 2, interruptions: 4, free_requeues: 2 })
    }
  })

  test('it decides and does not write: the job handed in stays as it is', () => {
    const before = Object.freeze(job('working'))
    expect(advance(before, 'interrupt')).not.toBe(before)
  })

  test('whatever happens, attempts stay between none and the most, and every way out of running ends', () => {
    const step = fc.tuple(fc.constantFrom(...happenings), fc.boolean())
    const history = fc.tuple(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 80 }))
    fc.assert(
      fc.property(history, ([max_attempts, steps]) => {
        let now: Tries = job('queued', { max_attempts })
        for (const [happening, progressed] of steps) {
          if (!transitions[now.state][happening]) continue
          now = advance(now, happening, progressed)
          expect(now.attempt).toBeGreaterThanOrEqual(0)
          expect(now.attempt).toBeLessThanOrEqual(max_attempts)
          expect(now.interruptions).toBeLessThanOrEqual(interruptionsAllowed + 1)
          expect(now.free_requeues).toBeLessThan(freeRequeuesCounted)
          // A job that may be started must have an attempt left, or its next load would break the limit.
          if (now.state === 'queued') expect(now.attempt).toBeLessThan(max_attempts)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
