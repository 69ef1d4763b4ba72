// An answer that is an error, in the words and the three body shapes Ollama uses. What decides the headers is where in
// Ollama the error arises, so that is recorded here; writing it on the wire is answer.ts' business.

import { randomBytes } from 'node:crypto'

/**
 * Where the error arises. `door`: before the handler (on /v1 the converter), `handler`: in it, `runner`: after the
 * runner was asked, which on a streaming request means a chunked body, `cloud`: in the native shape on every route.
 */
export type Stage = 'door' | 'handler' | 'runner' | 'cloud'

export class Refusal extends Error {
  readonly status: number
  readonly stage: Stage

  constructor(status: number, text: string, stage: Stage = 'handler') {
    super(text)
    this.name = 'Refusal'
    this.status = status
    this.stage = stage
  }
}

export type Family = 'native' | 'openai' | 'anthropic'

/** Whose error shape a path speaks. */
export function family(path: string): Family {
  if (path.startsWith('/v1/messages')) return 'anthropic'
  return path.startsWith('/v1/') ? 'openai' : 'native'
}

/** The JSON body of an error in the route's own shape. */
export function errorBody(of: Family, status: number, text: string): object {
  if (of === 'native') return { error: text }
  let type = status === 400 ? 'invalid_request_error' : status === 404 ? 'not_found_error' : 'api_error'
  if (of === 'openai') return { error: { message: text, type, param: null, code: null } }
  if (status === 503) type = 'overloaded_error'
  return { type: 'error', error: { type, message: text }, request_id: `req_${randomBytes(12).toString('hex')}` }
}

/** llama-server's own error, which Ollama hands on as a JSON text inside its error. */
export function runnerError(error: { code: number; message: string; type: string }, stage: Stage = 'runner'): Refusal {
  return new Refusal(error.code, JSON.stringify({ error }), stage)
}
