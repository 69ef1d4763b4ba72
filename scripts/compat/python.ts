// The Python clients, in a virtual environment with pinned versions that is made once and kept in the cache. Each is called by
// a script in python/ that lives as long as the tests do: it reads one call a line and answers with one outcome a line.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PythonEnvironment } from '../python.ts'
import type { Caller, Outcome, Program } from './program.ts'

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
  // A proxy of the machine's is not for loopback.
  const env = { ...process.env, NO_PROXY: '127.0.0.1' }
  const child = spawn(python.program('python'), [join(scripts, script)], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${script} ended`)
    return JSON.parse(value) as unknown
  }
  const { version } = (await next()) as { version: string }
  return {
    version,
    ask: async (ask) => {
      child.stdin.write(`${JSON.stringify(ask)}\n`)
      return (await next()) as Outcome
    },
    stop: () => child.stdin.end(),
  }
}
