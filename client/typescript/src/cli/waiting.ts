// Why a job that somebody waits for does not answer yet, told on the standard error: redrawn on a terminal, a line for
// each new reason elsewhere.

import type { Job } from '../api.ts'
import { ahead, duration } from './quantity.ts'
import type { Session } from './session.ts'

/** What ends sooner is not told of. */
const first_ms = 500
const every_ms = 1_000

/** Looks at the job until what it returns is called. */
export function tellWaiting({ caller, output, signal }: Session, id: string): () => void {
  if (output.json) return () => undefined
  const block = output.stderr.isTTY ? output.block(output.stderr) : undefined
  let told = ''
  let over = false
  let timer = setTimeout(look, first_ms)

  function look() {
    void caller.foreman.jobs
      .get({ id }, { signal })
      .catch(() => undefined)
      .then((job) => {
        if (over) return
        const [why, where] = job ? waitingOf(job, Date.now()) : ['foreman does not answer; waiting for it', '']
        if (block) block.draw([[why, where].filter(Boolean).join(', ')])
        else if (why !== told) output.note(why)
        told = why
        timer = setTimeout(look, every_ms)
      })
  }

  return () => {
    if (over) return
    over = true
    clearTimeout(timer)
    block?.clear()
  }
}

/** Why it waits, and what changes all the time about that. */
export function waitingOf(
  { state, reason, position, eta, loading_at }: Job,
  now: number,
): [why: string, where: string] {
  if (state === 'loading')
    return ['loading the model', loading_at === null ? '' : duration(now - Date.parse(loading_at))]
  if (state === 'working') return ['the model works on it', '']
  if (state !== 'queued') return [state, '']
  const asleep = reason?.startsWith('target_') ? '; the job stays, and runs when the target is back' : ''
  return [
    `waiting${reason === undefined ? '' : `: ${reason === 'next' ? 'it is next' : reason.replaceAll('_', ' ')}`}${asleep}`,
    [position === undefined ? '' : `position ${position}`, eta ? `starts ${ahead(eta.start_at, now)}` : '']
      .filter(Boolean)
      .join(', '),
  ]
}
