// watch: the queue, or one job, as it changes. On a terminal a table is drawn anew in its place every second; elsewhere
// each change of state is a line (with --json the job).

import type { Job } from '../api.ts'
import { foremanError, hasEnded, throwUnlessDone } from '../error.ts'
import type { Foreman } from '../foreman.ts'
import { pause } from '../patience.ts'
import { exit } from './failure.ts'
import { frame, rowsOf, type View } from './frame.ts'
import { jobColumns, rowOfJob, rowOnArrival, type JobRow } from './job-row.ts'
import { printable } from './printable.ts'
import type { Session } from './session.ts'
import { table } from './table.ts'

const every_ms = 1_000

/** Without an id it ends by Ctrl-C only; with one as the job does. */
export async function watch(session: Session, id: string | undefined): Promise<number> {
  if (id !== undefined) return watchJob(session, id)
  const { output } = session
  const first = await viewOf(session, 100)
  if (output.terminal) return redrawn(session, first)
  for await (const event of telling(session).queue.events({ signal: session.signal })) {
    if (event.event === 'state') tell(session, event.job)
    if (event.event !== 'begin' || output.json) continue
    const lines = rowsOf(await viewOf(session, 100), Date.now()).map(lineOf)
    if (lines.length === 0) output.note('nothing runs, and nothing waits')
    output.result(undefined, () => lines)
  }
  return exit.ok
}

async function watchJob(session: Session, id: string): Promise<number> {
  const { caller, output, signal } = session
  let job = await caller.foreman.jobs.get({ id }, { signal })
  if (output.terminal) {
    const block = output.block()
    try {
      for (; ; job = await caller.patient.jobs.get({ id }, { signal })) {
        block.draw(table(jobColumns, [rowOfJob(job, Date.now())], output.colors))
        if (hasEnded(job)) break
        await pause(every_ms, signal)
      }
    } finally {
      block.keep()
    }
  } else {
    for await (const event of telling(session).jobs.events(id, { signal }))
      if (event.event === 'state') tell(session, event.job)
    job = await caller.patient.jobs.get({ id }, { signal })
  }
  throwUnlessDone(job)
  return exit.ok
}

function telling({ caller, output }: Session): Foreman {
  return caller.telling((text) => output.note(text))
}

async function redrawn(session: Session, first: View): Promise<never> {
  const { output, signal } = session
  const block = output.block()
  let view = first
  let trouble: string | undefined
  try {
    for (;;) {
      const { rows, columns } = output.size
      block.draw(frame({ view, now: Date.now(), rows, columns, colors: output.colors, trouble }))
      await pause(every_ms, signal)
      try {
        view = await viewOf(session, rows)
        trouble = undefined
      } catch (error) {
        signal.throwIfAborted()
        trouble = `what stands here is old: ${foremanError(error).message}`
      }
    }
  } finally {
    block.keep()
  }
}

async function viewOf({ caller: { foreman }, signal }: Session, limit: number): Promise<View> {
  const [queue, running, plan] = await Promise.all([
    foreman.queue.get({ signal }),
    foreman.jobs.list({ state: ['loading', 'working'] }, { signal }),
    foreman.queue.plan({ limit }, { signal }),
  ])
  return { queue, running: running.data, plan }
}

function tell({ output }: Session, job: Job): void {
  output.result(job, () => [lineOf(rowOnArrival(job))])
}

function lineOf({ id, state, model, position, eta, speed, progress }: JobRow): string {
  const facts = [position && `position ${position}`, eta, speed && `${speed} tokens/s`, progress]
  return printable([id, state, model, facts.filter(Boolean).join(', ')].filter(Boolean).join(' '))
}
