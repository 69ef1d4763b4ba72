// LangChain for JavaScript, its package for Ollama.

import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama'
import { serve, versionOf } from './lines.js'

async function call({ url, token, call, model, text, tool, schema }, outcome) {
  const settings = { baseUrl: url, model, headers: { authorization: `Bearer ${token}` } }
  const keep = (answer) => outcome.answers.push(answer)
  // One try: what it does on an error is not what is looked at.
  const chat = new ChatOllama({ ...settings, maxRetries: 0 })
  if (call === 'embed') keep(await new OllamaEmbeddings({ ...settings, maxRetries: 0 }).embedQuery(text))
  else if (call === 'chat') keep(message(await chat.invoke(text)))
  else if (call === 'tools') keep(message(await chat.bindTools([{ type: 'function', function: tool }]).invoke(text)))
  else if (call === 'structured') keep(await chat.withStructuredOutput(schema, { method: 'jsonSchema' }).invoke(text))
  else {
    const abort = new AbortController()
    for await (const part of await chat.stream(text, { signal: abort.signal })) {
      keep(message(part))
      if (call !== 'abort') continue
      abort.abort()
      return
    }
  }
}

/** What there is in a message, without the classes of the library. */
function message({ content, tool_calls, response_metadata, usage_metadata }) {
  return { content, tool_calls, response_metadata, usage_metadata }
}

await serve(versionOf('@langchain/ollama'), call)
