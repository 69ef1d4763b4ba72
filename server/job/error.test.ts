import { expect, test } from 'vitest'
import { codes, ForemanError } from './error.ts'

test('the codes are those of the documents, each once', () => {
  expect([...codes].sort()).toEqual(
    [
      'conflict',
      'forbidden',
      'gone',
      'idempotency_key_reused',
      'internal',
      'interrupted',
      'invalid_request',
      'model_missing',
      'not_found',
      'queue_full',
      'start_by_passed',
      'stopping',
      'storage_full',
      'target_failed',
      'target_refused',
      'target_unreachable',
      'timed_out',
      'too_large',
      'unauthorized',
    ].sort(),
  )
})

test('an error carries its code, its facts and its cause', () => {
  const cause = new Error('disk')
  const errors = [{ pointer: '/a', detail: 'b' }]
  const error = new ForemanError('conflict', 'no', { errors, retryAfterS: 3, jobId: 'job_1', status: 409, cause })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'ForemanError', code: 'conflict', message: 'no', errors, retryAfterS: 3 })
  expect(error).toMatchObject({ jobId: 'job_1', status: 409, cause })
})

test('without a cause it has none', () => {
  expect('cause' in new ForemanError('gone', 'gone')).toBe(false)
})
