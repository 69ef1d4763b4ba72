// run: one prompt as a job that is followed to its end, its answer written as it comes. Leaving cancels the job.

import type { Job, SubmitJob } from '../api.ts'
import { foremanError, throwUnlessDone } from '../error.ts'
import { newKey } from '../key.ts'
import type { GenerateResponse } from '../ollama.ts'
import { first_ms, patiently } from '../patience.ts'
import { exit, UsageError } from './failure.ts'
import { printableText } from './printable.ts'
import { readAll, type Session } from './session.ts'
import { tellWaiting } from './waiting.ts'

export interface RunOptions {
  system?: string
  labels?: Record<string, string>
  timeout_s?: number
}

/** What a caller who leaves waits for its job to be canceled, at most. */
const leaving_ms = 2_000

/** `prompt` may be `-`: the standard input. With --json the job is the result, with its response. */
export async function run(session: Session, model: string, prompt: string, options: RunOptions): Promise<number> {
  const { caller, signal } = session
  const { system, ...rest } = options
  const text = prompt === '-' ? await readAll(session) : prompt
  // Ollama takes it for a wish to have the model loaded, and says nothing.
  if (text.trim() === '') throw new UsageError('the prompt is empty')
  const request = {
    endpoint: '/api/generate' as const,
    body: { model, prompt: text, ...(system !== undefined && { system }) },
  }
  const job = { request, idempotency_key: newKey(), ...rest }
  let id: string | undefined
  try {
    // A job whose answer was cut may have arrived: handed in once more it is that one. A foreman that is away still is then.
    const submitted = () => caller.foreman.jobs.submit(job, { signal })
    id = (await patiently(submitted, { signal, unreachable_ms: 2 * first_ms })).id
    throwUnlessDone(await answered(session, id))
    return exit.ok
  } catch (error) {
    if (signal.aborted) await leave(session, job, id)
    throw error
  }
}

/** Best effort. Of a job without an id it is not known whether it arrived: its key finds it, or makes one to be canceled. */
async function leave({ caller: { foreman }, output }: Session, job: SubmitJob, id: string | undefined): Promise<void> {
  const leaving = { signal: AbortSignal.timeout(leaving_ms) }
  try {
    id ??= (await foreman.jobs.submit(job, leaving)).id
    await foreman.jobs.cancel({ id }, leaving)
  } catch (refused) {
    if (foremanError(refused).code === 'conflict') return
    output.note(
      id === undefined
        ? 'whether the job was handed over is not known: `foreman list`'
        : `${id} could not be canceled: \`foreman cancel ${id}\``,
    )
  }
}

/** Resolves with the job when it has ended and what it said is written. */
async function answered(session: Session, id: string): Promise<Job> {
  const { caller, output, signal } = session
  const quiet = tellWaiting(session, id)
  let last = ''
  try {
    for await (const event of caller.patient.jobs.events(id, { signal })) {
      if (event.event === 'restart' && last !== '') {
        if (!output.json) output.write('\n')
        output.note('the job begins anew')
        last = ''
      }
      if (event.event !== 'output') continue
      quiet()
      const { response = '', thinking = '' } = JSON.parse(event.line) as Partial<GenerateResponse>
      if (thinking !== '') output.aside(printableText(thinking))
      if (response === '' || output.json) continue
      output.write(output.terminal ? printableText(response) : response)
      last = response
    }
  } finally {
    quiet()
    if (last !== '' && !last.endsWith('\n')) output.write('\n')
  }
  const job = await caller.patient.jobs.get({ id, ...(output.json && { include: ['response' as const] }) }, { signal })
  if (output.json) output.result(job, () => [])
  return job
}
