// The Python clients, in a virtual environment with pinned versions that is made once and kept in the cache. Each is called by
// a script in python/.

import { join } from 'node:path'
import { PythonEnvironment } from '../python.ts'
import { startLines } from './lines.ts'
import { anthropicWithout } from './node.ts'
import type { Caller, Program } from './program.ts'

const scripts = join(import.meta.dirname, 'python')
export const python = new PythonEnvironment(join(scripts, 'requirements.txt'))

/** What takes half a minute to install. */
export const slowPython = new PythonEnvironment(join(scripts, 'slow.txt'))

export const ollamaPython: Program = {
  name: 'ollama-python',
  token: '`headers`',
  background: false,
  // It holds every answer against a model of pydantic's, and a job is none of them.
  accepted: {
    chat: { job: false, error: 'ValidationError' },
    stream: { job: false, error: 'ValidationError' },
    embed: { job: false, error: 'ValidationError' },
  },
  start: () => startPython('call_ollama.py'),
}

export const openaiPython: Program = {
  name: 'openai-python',
  token: '`api_key`',
  background: true,
  accepted: { chat: { job: true }, embed: { job: false, error: 'ValueError' } },
  start: () => startPython('call_openai.py'),
}

export const anthropicPython: Program = {
  name: 'Anthropic SDK (python)',
  token: '`api_key`',
  without: anthropicWithout,
  start: () => startPython('call_anthropic.py'),
}

export const langchainPython: Program = {
  name: 'langchain-ollama',
  token: '`client_kwargs`, `headers` in it',
  slow: true,
  without: { list: 'has no call for it' },
  start: () => startPython('call_langchain.py', slowPython),
}

export const litellm: Program = {
  name: 'LiteLLM',
  token: '`api_key`',
  slow: true,
  start: () => startPython('call_litellm.py', slowPython),
}

async function startPython(script: string, environment = python): Promise<Caller> {
  if (!environment.there) throw new Error('its Python environment could not be made')
  return startLines(environment.program('python'), [join(scripts, script)])
}
