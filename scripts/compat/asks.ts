// What every program is asked to do, by the columns of docs/compatibility.md, whichever Ollama answers: one that has the models of
// these names.

import type { Ask, Capability } from './program.ts'
import { embedder, endless, talker } from './stage.ts'

const text = 'What is the weather in Paris?'
const tool = {
  name: 'get_weather',
  description: 'Get the weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const schema = {
  type: 'object',
  properties: { color: { type: 'string', enum: ['red', 'blue'] }, ok: { type: 'boolean' } },
  required: ['color', 'ok'],
  additionalProperties: false,
}

/** OpenAI's own have one call more than the page has columns for. */
export type Asked = Capability | 'responses'

export const asks: Record<Asked, Omit<Ask, 'url'>> = {
  list: { call: 'list' },
  chat: { call: 'chat', model: talker, text },
  stream: { call: 'stream', model: talker, text },
  abort: { call: 'abort', model: endless, text },
  tools: { call: 'tools', model: talker, text, tool },
  structured: { call: 'structured', model: talker, text, schema },
  embed: { call: 'embed', model: embedder, text },
  missing: { call: 'chat', model: 'nobody', text },
  responses: { call: 'respond', model: talker, text },
}

/** What has to be in the answers, whatever the program makes of them. */
export const said: Record<Asked, RegExp> = {
  list: /llama3\.2/,
  chat: /\w+ \w+ \w+/,
  stream: /\w+/,
  abort: /\w+/,
  tools: /(?=.*get_weather).*city/,
  structured: /color.*(?:red|blue).*ok/,
  embed: /\d\.\d+/,
  missing: /^\[\]$/,
  responses: /(?=.*"status":"completed").*\w+ \w+ \w+/,
}
