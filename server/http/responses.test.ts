import { describe, expect, test } from 'vitest'
import type { Job } from '../job/schema.ts'
import { states } from '../job/state.ts'
import { jobIdOf, ownMembers, responseIdOf, responseOf, statusOf } from './responses.ts'

const uuid = '0197a3c2-7d1e-7b3a-9c4d-0123456789ab'
const job = (more: Partial<Job> = {}) =>
  ({
    id: `job_${uuid}`,
    state: 'queued',
    created_at: '2026-11-25T21:40:09.987Z',
    request: { endpoint: '/v1/responses', model: 'alpha:latest' },
    ...more,
  }) as Job

describe('a job as a response of OpenAI', () => {
  test('has an id of its own, and from that the job is found again', () => {
    expect(responseIdOf(`job_${uuid}`)).toBe(`resp_${uuid}`)
    expect(jobIdOf(`resp_${uuid}`)).toBe(`job_${uuid}`)
  })

  test('has one of the statuses of OpenAI in every state', () => {
    const all = ['queued', 'in_progress', 'in_progress', 'completed', 'failed', 'cancelled']
    expect(states.map(statusOf)).toEqual(all)
  })

  test('has every member that its clients take for granted, with what Ollama would do unasked', () => {
    expect(responseOf(job(), { model: 'alpha' })).toEqual({
      id: `resp_${uuid}`,
      object: 'response',
      created_at: 1795642809,
      completed_at: null,
      status: 'queued',
      background: true,
      store: true,
      model: 'alpha',
      output: [],
      error: null,
      incomplete_details: null,
      usage: null,
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      metadata: {},
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: null,
      safety_identifier: null,
      service_tier: 'default',
      temperature: 1,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
    })
  })

  test('repeats what the request asked for; a null is as good as nothing', () => {
    const tools = [{ type: 'function', name: 'f', parameters: {} }]
    const request = { instructions: 'Be brief.', temperature: 0, metadata: { feed: '42' }, tools, top_p: null }
    expect(responseOf(job(), request)).toMatchObject({ ...request, top_p: 1, model: 'alpha:latest' })
    expect(ownMembers(job(), request).metadata).toEqual({ feed: '42' })
    expect(ownMembers(job(), { metadata: null }).metadata).toEqual({})
  })

  test.each([
    ['model_missing', 'server_error'],
    ['timed_out', 'server_error'],
    ['target_refused', 'invalid_prompt'],
  ])('says that it failed, %s as %s', (code, said) => {
    const failed = job({ state: 'failed', error: { code, detail: 'no luck' } })
    expect(responseOf(failed, {})).toMatchObject({
      status: 'failed',
      error: { code: said, message: `no luck (${code})` },
    })
  })
})
