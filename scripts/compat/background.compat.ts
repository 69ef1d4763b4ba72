// OpenAI's background mode with the programs that have it: a response is begun, asked for, cancelled and deleted by the program's
// own calls.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { programs } from './programs.ts'
import { lasting, setStage, talker, type Stage } from './stage.ts'

describe.each(programs.filter(({ background }) => background))('$name', (program) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(program)
  })
  afterAll(() => stage?.stop())

  const text = 'Why is the sky blue?'
  const respond = (more: Record<string, unknown>, headers?: Record<string, string>) =>
    stage.ask({ call: 'respond', model: talker, text, more, headers })
  const begin = async (more: Record<string, unknown> = {}, headers?: Record<string, string>) => {
    const { answers, error } = await respond({ background: true, ...more }, headers)
    expect(error).toBeUndefined()
    return answers[0] as { id: string; status: string }
  }
  const addressOf = (id: string) => `${stage.foreman}/jobs/${id.replace('resp_', 'job_')}`

  test('a response without background is what it is without foreman, and no job', async () => {
    const direct = await stage.direct({ call: 'respond', model: talker, text })
    expect(direct.answers).toMatchObject([{ status: 'completed' }])
    expect(lasting(await respond({}))).toEqual(lasting(direct))
    expect(await stage.jobs()).toEqual([])
  })

  test('one with it is queued, and completed when it is asked for later', async () => {
    const { id, status } = await stage.paused(() => begin({ metadata: { feed: '42' } }))
    expect(status).toBe('queued')
    await stage.ended(addressOf(id))
    const { answers } = await stage.ask({ call: 'retrieve', id })
    const [said] = (await stage.direct({ call: 'respond', model: talker, text })).answers
    const own = { background: true, store: true, metadata: { feed: '42' } }
    expect(lasting(answers)).toEqual([{ ...lasting(said), ...own }])
    expect(answers).toMatchObject([{ id, status: 'completed' }])
  })

  test('one that waits is cancelled, and stays so', async () => {
    const { id } = await stage.paused(async () => {
      const begun = await begin()
      const { answers } = await stage.ask({ call: 'cancel', id: begun.id })
      expect(answers).toMatchObject([{ id: begun.id, status: 'cancelled' }])
      return begun
    })
    expect((await stage.ask({ call: 'retrieve', id })).answers).toMatchObject([{ id, status: 'cancelled' }])
    expect(await stage.ended(addressOf(id))).toMatchObject({ state: 'canceled' })
  })

  test('one that is completed cannot be cancelled, and is gone when it was deleted', async () => {
    const { id } = await begin()
    await stage.ended(addressOf(id))
    const cancelled = await stage.ask({ call: 'cancel', id })
    expect(cancelled.error).toMatchObject({
      status: 400,
      message: expect.stringContaining('Cannot cancel a completed'),
    })
    expect((await stage.ask({ call: 'delete', id })).error).toBeUndefined()
    const { error } = await stage.ask({ call: 'retrieve', id })
    expect(error).toMatchObject({ status: 404, message: expect.stringContaining(id) })
    expect((await fetch(addressOf(id))).status).toBe(410)
  })

  test('one that fails says why', async () => {
    const { id } = await begin({ model: 'nobody' })
    await stage.ended(addressOf(id))
    const [failed] = (await stage.ask({ call: 'retrieve', id })).answers
    expect(failed).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('not found') } })
  })

  test('one that is to be streamed is refused, and nothing is begun', async () => {
    const before = await stage.jobs()
    const { answers, error } = await respond({ background: true, stream: true })
    expect(answers).toEqual([])
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining('not streamed') })
    expect(await stage.jobs()).toEqual(before)
  })

  test('labels and a key arrive: the same call is the same response', async () => {
    const headers = { 'idempotency-key': 'sky', 'x-foreman-labels': 'feed=42' }
    const { id } = await begin({}, headers)
    expect((await begin({}, headers)).id).toBe(id)
    expect(await stage.ended(addressOf(id))).toMatchObject({ labels: { feed: '42' } })
  })
})
