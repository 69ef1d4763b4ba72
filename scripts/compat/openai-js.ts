// OpenAI's SDK for Node, the `openai` package of npm.

import OpenAI from 'openai'
import { outcomeOf, type Ask, type Outcome, type Program } from './program.ts'
import { versionOf } from './ollama-js.ts'

export const openaiJs: Program = {
  name: 'openai-node',
  token: '`apiKey`',
  background: true,
  accepted: { chat: { job: true }, embed: { job: true } },
  start: async () => ({ version: versionOf('openai'), ask: (ask) => outcomeOf((into) => call(ask, into)), stop() {} }),
}

async function call(ask: Ask, outcome: Outcome): Promise<void> {
  const { url, token = 'anything', headers, model = '', text = '', more, id = '' } = ask
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token })
  const messages = [{ role: 'user' as const, content: text }]
  if (ask.call === 'stream' || ask.call === 'abort') {
    const parts = await client.chat.completions.create({ model, messages, stream: true }, { headers })
    for await (const part of parts) {
      outcome.answers.push({ ...part })
      if (ask.call !== 'abort') continue
      parts.controller.abort()
      return
    }
    return
  }
  const tools = [{ type: 'function' as const, function: ask.tool as OpenAI.FunctionDefinition }]
  const format = { type: 'json_schema' as const, json_schema: { name: 'answer', schema: { ...ask.schema } } }
  const { data, response } = await {
    list: () => client.models.list().withResponse(),
    tools: () => client.chat.completions.create({ model, messages, tools }).withResponse(),
    structured: () => client.chat.completions.create({ model, messages, response_format: format }).withResponse(),
    chat: () => client.chat.completions.create({ model, messages }, { headers }).withResponse(),
    embed: () => client.embeddings.create({ model, input: text }, { headers }).withResponse(),
    respond: () => client.responses.create({ model, input: text, ...more }, { headers }).withResponse(),
    retrieve: () => client.responses.retrieve(id).withResponse(),
    cancel: () => client.responses.cancel(id).withResponse(),
    delete: () => client.responses.delete(id).withResponse(),
  }[ask.call]()
  outcome.location = response.headers.get('location') ?? undefined
  outcome.answers.push({ ...(data as object | undefined) })
}
