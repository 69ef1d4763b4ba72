// Submitting over REST: a request of any size that foreman takes goes there as one JSON text, which over tRPC would be
// limited to a few megabytes. Everything else of the client speaks tRPC.

import type { Inputs, Outputs, Problem } from './api.ts'
import { ForemanError } from './error.ts'

export interface RestOptions {
  /** Where foreman listens, without a slash at the end. */
  url: string
  headers: Record<string, string>
  fetch: typeof fetch
}

/** An input ready to be sent, as often as needed. */
export type Send<O> = (signal?: AbortSignal) => Promise<O>

export class Rest {
  readonly #options: RestOptions

  constructor(options: RestOptions) {
    this.#options = options
  }

  /** Throws at once what JSON.stringify throws: no later try would make JSON of it. */
  submit(input: Inputs['jobs']['submit']): Send<Outputs['jobs']['submit']> {
    return this.#post('/jobs', JSON.stringify(input))
  }

  submitBatch(input: Inputs['jobs']['submit_batch']): Send<Outputs['jobs']['submit_batch']> {
    return this.#post('/jobs/batch', JSON.stringify(input))
  }

  #post<O>(path: string, body: string): Send<O> {
    const { url, headers, fetch } = this.#options
    return async (signal) => {
      const answer = await fetch(url + path, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        signal,
      })
      const said = await readJson(answer)
      if (answer.ok && said !== undefined) return said as O
      const problem = isProblem(said) ? said : undefined
      throw new ForemanError(problem?.code ?? 'unreachable', problem?.detail ?? `HTTP ${answer.status}`, {
        problem,
        status: answer.status,
      })
    }
  }
}

async function readJson(answer: Response): Promise<unknown> {
  const text = await answer.text()
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isProblem(said: unknown): said is Problem {
  return typeof said === 'object' && said !== null && typeof (said as { code?: unknown }).code === 'string'
}
