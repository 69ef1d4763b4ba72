// The Python clients, in a virtual environment with pinned versions that is made once and kept in the cache. Each is called by
// a script in python/.

import { join } from 'node:path'
import { PythonEnvironment } from '../python.ts'
import { startLines } from './lines.ts'
import type { Caller, Program } from './program.ts'

const scripts = join(import.meta.dirname, 'python')
export const python = new PythonEnvironment(join(scripts, 'requirements.txt'))

export const ollamaPython: Program = {
  name: 'ollama-python',
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
  background: true,
  accepted: { chat: { job: true }, embed: { job: false, error: 'ValueError' } },
  start: () => startPython('call_openai.py'),
}

async function startPython(script: string): Promise<Caller> {
  if (!python.there) throw new Error('its Python environment could not be made')
  return startLines(python.program('python'), [join(scripts, script)])
}
