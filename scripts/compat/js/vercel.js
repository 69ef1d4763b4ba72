// The AI SDK of Vercel, with the provider ollama-ai-provider-v2.

import { embed, generateText, jsonSchema, Output, streamText, tool as defined } from 'ai'
import { createOllama } from 'ollama-ai-provider-v2'
import { serve, versionOf } from './lines.js'

async function call({ url, token, call, model, text, tool, schema }, outcome) {
  const ollama = createOllama({ baseURL: `${url}/api`, headers: { authorization: `Bearer ${token}` } })
  const keep = (answer) => outcome.answers.push(answer)
  if (call === 'embed') {
    const { embedding, usage } = await embed({ model: ollama.embedding(model), value: text, maxRetries: 0 })
    keep({ embedding, usage })
    return
  }
  const asked = { model: ollama(model), prompt: text, maxRetries: 0 }
  if (call === 'stream' || call === 'abort') {
    const abort = new AbortController()
    const failed = (error) => {
      throw error
    }
    const { textStream } = streamText({ ...asked, abortSignal: abort.signal, onError: failed })
    for await (const part of textStream) {
      keep({ part })
      if (call !== 'abort') continue
      abort.abort()
      return
    }
    return
  }
  const parameters = jsonSchema(tool?.parameters ?? {})
  const answer = await generateText({
    ...asked,
    ...(call === 'tools' && {
      tools: { [tool.name]: defined({ description: tool.description, inputSchema: parameters }) },
    }),
    ...(call === 'structured' && { output: Output.object({ schema: jsonSchema(schema) }) }),
  })
  const { toolCalls, finishReason, usage } = answer
  keep({ text: answer.text, toolCalls, finishReason, usage, ...(call === 'structured' && { output: answer.output }) })
}

await serve(`${versionOf('ai')}, provider ${versionOf('ollama-ai-provider-v2')}`, call)
