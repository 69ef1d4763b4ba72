// What makes an answer suspect although the target made nothing of it, and what its job is told then. When that is looked for is
// trust.ts.

import type { JobError } from '../job/schema.ts'
import { streams } from '../job/submit.ts'
import type { Answer } from '../ollama/answer.ts'
import type { Failure } from '../ollama/failure.ts'
import type { JobRow } from '../store/jobs.ts'

export const silence: JobError = {
  code: 'target_failed',
  detail: 'the answer stopped in the middle, longer than this model ever paused',
}

export const stalled: JobError = { code: 'target_failed', detail: 'the model did not load' }

export const emptied: Failure = {
  code: 'target_failed',
  retry: 'limited',
  detail: 'an empty answer, the first after the target was away',
}

/** A generation without a word; a model that was broken by a sleep answers so, at once and every time. */
export function isEmpty({ endpoint }: Pick<JobRow, 'endpoint'>, { text, usage }: Answer): boolean {
  return streams(endpoint) && text === '' && (usage.output_tokens ?? 0) <= 1
}
