// What the answer to a load is taken for: recorded answers of a real Ollama, and those of what is none.
import { expect, test } from 'vitest'
import { TargetFailure } from './failure.ts'
import { isLoaded } from './preload.ts'
import { bodyOf, recording } from './recordings/replay.ts'

const said = (status: number, text: string) => ({ status, text, date: undefined, retryAfter_ms: undefined })

const answered = (name: string) => said(recording(name).response.status ?? 0, bodyOf(recording(name)).toString())

test.each([
  ['err-missing-model-generate', '/api/chat'],
  ['err-missing-model-embed', '/api/embed'],
] as const)('a model that Ollama has not fails the load: %s', (name, endpoint) => {
  const failure = expect.objectContaining({ code: 'model_missing', targetStatus: 404 }) as unknown
  expect(() => isLoaded(answered(name), endpoint)).toThrow(expect.objectContaining({ failure }))
})

test.each(['not-found-404-v1', 'wrong-method-405'])('a target without the request has loaded nothing: %s', (name) => {
  expect(isLoaded(answered(name), '/api/chat')).toBe(false)
})

test.each([400, 401, 403, 500, 503])('any other refusal fails the load: %i', (status) => {
  expect(() => isLoaded(said(status, '{"error":"no"}'), '/api/chat')).toThrow(TargetFailure)
})
