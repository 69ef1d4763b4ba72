// REST: where a request goes that may be larger than tRPC takes, as one JSON text, and where answers come from that are
// no JSON. Everything else of the client speaks tRPC.

import type { Inputs, Outputs, Problem } from './api.ts'
import { ForemanError, retryAfter, strange } from './error.ts'

export interface RestOptions {
  /** Where foreman listens, without a slash at the end. */
  url: string
  headers: Record<string, string>
  fetch: typeof fetch
}

/** An input ready to be sent, as often as needed; `query` goes behind the path. */
export type Send<O> = (signal?: AbortSignal, query?: string) => Promise<O>

export class Rest {
  readonly #options: RestOptions

  constructor(options: RestOptions) {
    this.#options = options
  }

  /** Throws at once what JSON.stringify throws: no later try would make JSON of it. */
  submit(input: Inputs['jobs']['submit']): Send<Outputs['jobs']['submit']> {
    return this.#post('/jobs', JSON.stringify(input), ({ id }) => typeof id === 'string')
  }

  submitBatch(input: Inputs['jobs']['submit_batch']): Send<Outputs['jobs']['submit_batch']> {
    return this.#post('/jobs/batch', JSON.stringify(input), ({ data }) => Array.isArray(data))
  }

  /** Resolves with an answer as soon as its head is there, unless that is a refusal. */
  async open(path: string, init: RequestInit): Promise<Response> {
    const { url, headers, fetch } = this.#options
    const answer = await fetch(url + path, { ...init, headers: { ...headers, ...init.headers } })
    if (answer.ok) return answer
    const said = parsed(await answer.text())
    throw isProblem(said) ? refused(answer, said) : strange(url, answer)
  }

  /** `known` tells what foreman says from the JSON of somebody on the way to it. */
  #post<O>(path: string, body: string, known: (said: Partial<Record<string, unknown>>) => boolean): Send<O> {
    return async (signal, query = '') => {
      const headers = { 'content-type': 'application/json' }
      const answer = await this.open(path + query, { method: 'POST', headers, body, signal })
      const said = parsed(await answer.text())
      if (typeof said !== 'object' || said === null || !known(said)) throw strange(this.#options.url, answer)
      return said as O
    }
  }
}

function refused(answer: Response, problem: Problem): ForemanError {
  const { status } = answer
  return new ForemanError(problem.code, problem.detail, { problem, status, retry_after_s: retryAfter(answer) })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isProblem(said: unknown): said is Problem {
  return typeof said === 'object' && said !== null && typeof (said as { code?: unknown }).code === 'string'
}
