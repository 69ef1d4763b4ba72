// ollama-js, the `ollama` package of npm.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ollama } from 'ollama'
import { outcomeOf, type Ask, type Outcome, type Program } from './program.ts'

export const ollamaJs: Program = {
  name: 'ollama-js',
  token: '`headers`',
  background: false,
  accepted: {
    chat: { job: true },
    // A stream has to end with a line that says so.
    stream: { job: true, error: 'Error' },
    embed: { job: true },
  },
  start: async () => ({ version: versionOf('ollama'), ask: (ask) => outcomeOf((into) => call(ask, into)), stop() {} }),
}

/** The version of an installed package, which says nothing of it by itself. */
export function versionOf(name: string): string {
  const manifest = join(import.meta.dirname, '..', '..', 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

async function call(ask: Ask, outcome: Outcome): Promise<void> {
  const { url, token, call, model = '', text = '', tool, schema } = ask
  const client = new Ollama({
    host: url,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...ask.headers },
    fetch: async (...args) => {
      const response = await fetch(...args)
      outcome.location = response.headers.get('location') ?? undefined
      return response
    },
  })
  const keep = (answer: object) => outcome.answers.push({ ...answer })
  const messages = [{ role: 'user', content: text }]
  if (call === 'list') keep(await client.list())
  else if (call === 'chat') keep(await client.chat({ model, messages }))
  else if (call === 'tools')
    keep(await client.chat({ model, messages, tools: [{ type: 'function', function: tool ?? {} }] }))
  else if (call === 'structured') keep(await client.chat({ model, messages, format: schema }))
  else if (call === 'abort') {
    for await (const part of await client.chat({ model, messages, stream: true })) {
      keep(part)
      client.abort()
      return
    }
  } else if (call === 'embed') keep(await client.embed({ model, input: text }))
  else if (call === 'stream') for await (const part of await client.chat({ model, messages, stream: true })) keep(part)
  else throw new Error(`ollama-js has no ${call}`)
}
