// `Prefer: respond-async` on the inference calls of each program. The program is not changed: all that is added is a header, by
// the means that it has for headers.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Ask, Inference } from './program.ts'
import { programs } from './programs.ts'
import { embedder, lasting, setStage, talker, type Job, type Stage } from './stage.ts'

const inferences: Inference[] = ['chat', 'stream', 'embed']
const later = { prefer: 'respond-async' }
const inTime = { prefer: 'respond-async, wait=60' }

describe.each(programs.filter(({ accepted }) => accepted))('$name', (program) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(program)
  })
  afterAll(() => stage?.stop())

  const asked = (call: Inference, headers?: Record<string, string>): Omit<Ask, 'url'> => ({
    call,
    headers,
    model: call === 'embed' ? embedder : talker,
    text: 'Why is the sky blue?',
  })
  const accepted = program.accepted ?? {}
  const deferred = inferences.filter((call) => accepted[call])

  test.each(inferences)('%s without the header is what it is without foreman, and no job', async (call) => {
    const direct = await stage.direct(asked(call))
    expect(direct).toMatchObject({ answers: expect.arrayContaining([expect.anything()]) })
    expect(direct.error).toBeUndefined()
    const before = await stage.jobs()
    expect(lasting(await stage.ask(asked(call)))).toEqual(lasting(direct))
    expect(await stage.jobs()).toEqual(before)
  })

  test.each(deferred)('%s with it is a job, which the user finds and whose answer is there later', async (call) => {
    const expected = accepted[call]
    const outcome = await stage.paused(() => stage.ask(asked(call, later)))
    const [job] = (await stage.jobs()) as [Job]
    expect(job.state).not.toBe('failed')
    expect(outcome.location).toBe(`${stage.foreman}/jobs/${job.id}`)
    expect(outcome.error?.class).toBe(expected?.error)
    if (expected?.job) expect(outcome.answers).toMatchObject([{ id: job.id, links: { self: outcome.location } }])
    else expect(outcome.answers).toEqual([])
    const { state, response } = await stage.ended(outcome.location ?? '')
    expect([state, response]).toMatchObject(['done', { model: call === 'embed' ? embedder : talker }])
  })

  test.each(deferred)('%s that ends in time is answered as without foreman, and was a job', async (call) => {
    const before = await stage.jobs()
    const { location, ...outcome } = await stage.ask(asked(call, inTime))
    expect(lasting(outcome)).toEqual(lasting(await stage.direct(asked(call))))
    const [job] = (await stage.jobs()) as [Job]
    expect([job.state, location]).toEqual(['done', `${stage.foreman}/jobs/${job.id}`])
    expect(await stage.jobs()).toHaveLength(before.length + 1)
  })

  test('a chat that does not end in time is a job, and the same call with its key has the answer later', async () => {
    const headers = { 'idempotency-key': 'sky', 'x-foreman-labels': 'feed=42, kind=summary' }
    const first = await stage.paused(() => stage.ask(asked('chat', { ...headers, prefer: 'respond-async, wait=1' })))
    expect(first.error?.class).toBe(accepted.chat?.error)
    const [job] = (await stage.jobs()) as [Job]
    expect(first.location).toBe(job.links.self)
    expect(job.labels).toEqual({ feed: '42', kind: 'summary' })
    const { location, ...second } = await stage.ask(asked('chat', { ...headers, ...inTime }))
    expect(location).toBe(first.location)
    expect(lasting(second)).toEqual(lasting(await stage.direct(asked('chat'))))
  })

  // Whose name is said in full: foreman asks for a model by that.
  test.each(deferred)(
    '%s of a model that is not there ends with the error that it has without foreman',
    async (call) => {
      const ask = { ...asked(call, inTime), model: 'nobody:latest' }
      const { location: _, ...outcome } = await stage.ask(ask)
      expect(outcome).toEqual(await stage.direct({ ...ask, headers: undefined }))
      expect(outcome.error).toMatchObject({ status: 404, message: expect.stringContaining('not found') })
      expect((await stage.jobs())[0]).toMatchObject({ state: 'failed' })
    },
  )

  test('an error that SDKs try again after is the end of one job, not the start of more', async () => {
    const before = await stage.jobs()
    const ask = { ...asked('embed', inTime), model: talker }
    const { location: _, ...outcome } = await stage.ask(ask)
    expect(outcome).toEqual(await stage.direct({ ...ask, headers: undefined }))
    expect(outcome.error).toMatchObject({ status: 501 })
    expect(await stage.jobs()).toHaveLength(before.length + 1)
  })

  test('a chat whose job is canceled meanwhile ends with an error, and is not handed over again', async () => {
    const before = await stage.jobs()
    const outcome = await stage.paused(async () => {
      const answer = stage.ask(asked('chat', inTime))
      const [job] = await stage.moreThan(before.length)
      await fetch(job.links.cancel, { method: 'POST' })
      return answer
    })
    expect(outcome.error).toMatchObject({ status: 409, message: expect.stringContaining('the job was canceled') })
    expect(await stage.jobs()).toHaveLength(before.length + 1)
  })
})
