// Trying again: a call that got no answer, or was told to come back (429, 502, 503, 504), is repeated until it is
// answered, the caller gives up, or the time is over. Any other refusal is final. Only calls that are safe to repeat
// come here.

import { foremanError, type ForemanError } from './error.ts'

export interface PatienceOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds without any answer, from the first failure on, after which the last error is thrown. */
  unreachable_ms: number
}

/** Milliseconds before what was cut is tried for the first time again. */
export const first_ms = 250
const longest_ms = 5_000
/** The longest that a timer can wait; one that is to wait longer does not at all. */
const timer_ms = 2 ** 31 - 1
const passing = new Set([429, 502, 503, 504])

/** Whether somebody who answers so may answer otherwise soon. */
export function isPassing(status: number): boolean {
  return passing.has(status)
}

export async function patiently<T>(call: () => Promise<T>, { signal, unreachable_ms }: PatienceOptions): Promise<T> {
  let until: number | undefined
  for (let wait = first_ms; ; wait = Math.min(wait * 2, longest_ms)) {
    signal?.throwIfAborted()
    try {
      return await call()
    } catch (error) {
      signal?.throwIfAborted()
      const known = foremanError(error)
      // Not from the call on: one that waited long for its answer, or slept with its machine, has not been tried again yet.
      until ??= Date.now() + unreachable_ms
      const next = Math.max(wait, (known.retry_after_s ?? 0) * 1000)
      if (!passes(known) || Date.now() + next > until) throw known
      await pause(next, signal)
    }
  }
}

function passes({ code, status }: ForemanError): boolean {
  return status === undefined ? code === 'unreachable' : isPassing(status)
}

/** Rejects with the signal's reason when that is aborted first. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, Math.min(ms, timer_ms))
    function done() {
      signal?.removeEventListener('abort', left)
      resolve()
    }
    function left() {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', left, { once: true })
  })
}
