// Anthropic's SDK for Node, on Ollama's /v1/messages.

import Anthropic from '@anthropic-ai/sdk'
import { serve, versionOf } from './lines.js'

async function call({ url, token, call, model, text, tool }, outcome) {
  const client = new Anthropic({ baseURL: url, authToken: token, apiKey: null })
  const keep = (answer) => outcome.answers.push(answer)
  const asked = { model, max_tokens: 100, messages: [{ role: 'user', content: text }] }
  const whole = {
    list: () => client.models.list(),
    chat: () => client.messages.create(asked),
    tools: () => {
      const { name, description, parameters } = tool
      return client.messages.create({ ...asked, tools: [{ name, description, input_schema: parameters }] })
    },
  }[call]
  if (whole) return keep(await whole())
  const events = await client.messages.create({ ...asked, stream: true })
  for await (const event of events) {
    keep(event)
    if (call !== 'abort' || event.type !== 'content_block_delta') continue
    events.controller.abort()
    return
  }
}

await serve(versionOf('@anthropic-ai/sdk'), call)
