// Jobs that the target will never do: each ends at its first attempt, with a code that tells why and the target's own
// words, whatever status and shape the target chose for them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { tinyA, tinyEmbed } from './models.ts'
import { type Target, targets } from './targets.ts'

const messages = [{ role: 'user', content: 'Hello' }]
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]

// A load asks for the model by its full name.
const notFound = /^model .nope(:latest)?. not found/

/** What a job is, and the code, status and words it ends with. The two versions of Ollama word some things otherwise. */
const refused: [endpoint: string, body: object, code: string, status: number[], words: RegExp][] = [
  ['/api/chat', { model: 'nope', messages }, 'model_missing', [404], notFound],
  ['/api/generate', { model: 'nope', prompt: 'a' }, 'model_missing', [404], notFound],
  ['/api/embed', { model: 'nope', input: 'a' }, 'model_missing', [404], notFound],
  ['/v1/chat/completions', { model: 'nope', messages }, 'model_missing', [404], notFound],
  ['/v1/embeddings', { model: 'nope', input: 'a' }, 'model_missing', [404], notFound],
  ['/api/chat', { model: tinyEmbed, messages }, 'target_refused', [400], /does not support (chat|generate)$/],
  ['/api/chat', { model: tinyA, messages, think: true }, 'target_refused', [400], /does not support thinking$/],
  ['/api/chat', { model: tinyA, messages, tools }, 'target_refused', [400], /does not support tools$/],
  ['/api/generate', { model: tinyA, prompt: 'a', suffix: 'b' }, 'target_refused', [400], /does not support insert$/],
  ['/api/generate', { model: tinyA, prompt: 'a', keep_alive: '300' }, 'target_refused', [400], /^time: missing unit/],
  // The old one has sent its 200 by then.
  ['/api/generate', { model: tinyA, prompt: 'a', format: 'xml' }, 'target_refused', [200, 500], /^invalid format/],
  ['/api/embed', { model: tinyEmbed, input: { a: 1 } }, 'target_refused', [400], /^invalid input type$/],
  [
    '/api/embed',
    { model: tinyEmbed, input: 'amber '.repeat(3000), truncate: false },
    'target_refused',
    [400],
    /^(the )?input length exceeds/,
  ],
]

describe.each(targets)('in front of $name', ({ real, start }) => {
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'refusals' })
  })
  afterAll(() => target.stop())

  const foremanBefore = () => openForeman({ settings: { TARGET: target.url, HOLD: '0s' } })

  test('what the target refuses fails at once, with its words', async () => {
    const foreman = await foremanBefore()
    const inputs = refused.map(([endpoint, body]) => ({ request: { endpoint, body } }))
    const ids = await Promise.all(inputs.map(async (input) => (await foreman.submit(input)).id))
    for (const [i, [endpoint, body, code, status, words]] of refused.entries()) {
      const job = await foreman.ended(ids[i] ?? '')
      const what = `${endpoint} ${JSON.stringify(body).slice(0, 100)}`
      expect([what, job.state, job.attempt, job.error?.code]).toEqual([what, 'failed', 1, code])
      expect([what, job.error?.detail]).toEqual([what, expect.stringMatching(words)])
      expect(status).toContain(job.error?.target_status)
      expect(job.error?.target_body).toContain('error')
    }
  })

  test('an option of the wrong type never becomes a job', async () => {
    const foreman = await foremanBefore()
    for (const options of [{ num_ctx: 'big' }, { temperature: 'hot' }, { stop: 'now' }, { use_mmap: 1 }]) {
      const body = { model: tinyA, messages, options }
      const { status, json } = await foreman.post('/jobs', { request: { endpoint: '/api/chat', body } })
      const pointer = `/request/body/options/${Object.keys(options)[0]}`
      expect([status, json.code, json.errors]).toMatchObject([422, 'invalid_request', [{ pointer }]])
      // The rule is the target's own: refused here is what would have been refused there.
      const answer = await fetch(`${target.url}/api/chat`, { method: 'POST', body: JSON.stringify(body) })
      expect(answer.status).toBe(500)
      expect(await answer.text()).toContain('must be of type')
    }
  })

  test('a route or an ability that this target has not is its refusal, that another has is no hindrance', async () => {
    const foreman = await foremanBefore()
    const embed = await foreman.submit({ request: { endpoint: '/api/embed', body: { model: tinyA, input: 'a' } } })
    const responses = await foreman.submit({
      request: { endpoint: '/v1/responses', body: { model: tinyA, input: 'a' } },
    })
    const ends = [await foreman.ended(embed.id), await foreman.ended(responses.id)]
    const seen = ends.map(({ state, error }) => [state, error?.code, error?.target_status])
    const refusal = (status: number) => ['failed', 'target_refused', status]
    const done = ['done', undefined, undefined]
    // v0.11 embeds with any llama and does not know /v1/responses; v0.33 is the other way round.
    expect(seen).toEqual(real ? [done, refusal(404)] : [refusal(501), done])
    // Who asks for a response in the background is told at once.
    const { status } = await foreman.post('/v1/responses', { model: tinyA, input: 'a', background: true })
    expect(status).toBe(real ? 404 : 200)
  })
})
