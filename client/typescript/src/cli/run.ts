// run: one prompt as a job that is followed to its end, its answer written as it comes. Leaving cancels the job.

import type { Job } from '../api.ts'
import { foremanError, throwUnlessDone } from '../error.ts'
import type { GenerateResponse } from '../ollama.ts'
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
  // Not given the signal: a job that was handed over must be known, to be canceled.
  const { id } = await caller.foreman.jobs.submit({ request, ...rest })
  try {
    signal.throwIfAborted()
    throwUnlessDone(await answered(session, id))
    return exit.ok
  } catch (error) {
    if (signal.aborted) {
      const leaving = { signal: AbortSignal.timeout(leaving_ms) }
      await caller.foreman.jobs.cancel({ id }, leaving).catch((refused: unknown) => {
        const ended = foremanError(refused).code === 'conflict'
        if (!ended) session.output.note(`${id} could not be canceled: \`foreman cancel ${id}\``)
      })
    }
    throw error
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
