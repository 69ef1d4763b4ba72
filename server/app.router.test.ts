// A target that is no Ollama but a router of OpenAI's API, such as LiteLLM or an inference gateway: it has one route for
// work, and neither versions, names nor loads. Jobs of that route are done; what only an Ollama has fails plainly.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { chat, openForeman } from './app.harness.ts'
import { afterwards } from './app.stage.ts'

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt',
  choices: [{ index: 0, message: { role: 'assistant', content: 'because of the air' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 },
}

/** A router that knows the models `gpt` and `other`. */
async function openRouter(): Promise<string> {
  const server = createServer(async (request, answer) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const say = (status: number, body: object) =>
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.url !== '/v1/chat/completions') return say(404, { detail: 'Not Found' })
    const { model } = JSON.parse(Buffer.concat(parts).toString()) as { model: string }
    if (!/^(gpt|other)$/.test(model)) return say(404, { error: { message: `no deployment for ${model}`, code: '404' } })
    return say(200, completion)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(async () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const completions = (model: string) => ({
  request: { endpoint: '/v1/chat/completions', body: { model, messages: [{ role: 'user', content: 'why?' }] } },
})

test('jobs of a router that speaks OpenAI only are done, whatever model, and people pass', async () => {
  const foreman = await openForeman({ settings: { TARGET: await openRouter() } })
  for (const model of ['gpt', 'other', 'gpt']) {
    const { id } = await foreman.submit(completions(model))
    expect(await foreman.job(id, '?wait=60&include=response')).toMatchObject({
      state: 'done',
      attempt: 1,
      response: { choices: [{ message: { content: 'because of the air' } }] },
    })
  }
  expect((await foreman.post('/v1/chat/completions', completions('gpt').request.body)).status).toBe(200)
})

test('what such a router has not fails at once, in its own words', async () => {
  const foreman = await openForeman({ settings: { TARGET: await openRouter() } })
  const native = await foreman.ended((await foreman.submit(chat('gpt'))).id)
  expect(native).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'target_refused', target_status: 404 } })
  const nobody = await foreman.ended((await foreman.submit(completions('nobody'))).id)
  expect(nobody).toMatchObject({ state: 'failed', attempt: 1, error: { detail: 'no deployment for nobody' } })
})
