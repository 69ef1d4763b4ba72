// curl, with the bodies that somebody writes by hand.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { runProgram } from '../real/cache.ts'
import type { Ask, Outcome, Program } from './program.ts'

export const curl: Program = {
  name: 'curl',
  token: '`-H`',
  unpinned: true,
  background: true,
  accepted: { chat: { job: true }, stream: { job: true }, embed: { job: true } },
  start: async () => {
    const said = await runProgram('curl', ['--version'])
    return { version: said.split(' ')[1] ?? '', ask: call, stop() {} }
  },
}

async function call({ url, token, headers = {}, ...ask }: Ask): Promise<Outcome> {
  const { method, path, body } = request(ask)
  const args = ['-sS', '--noproxy', '*', '-X', method, `${url}${path}`]
  if (token) args.push('-H', `Authorization: Bearer ${token}`)
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`)
  if (body) args.push('-H', 'Content-Type: application/json', '-d', JSON.stringify(body))
  if (ask.call === 'abort') return { answers: [await firstLine(args)] }
  args.push('-w', '\n%{http_code} %header{location}')
  const lines = (await runProgram('curl', args)).split('\n')
  const [status = '', location] = (lines.pop() ?? '').split(' ')
  const said = lines.filter((line) => line !== '')
  const outcome = { answers: [], location: location || undefined }
  if (Number(status) >= 400) {
    return { ...outcome, error: { class: 'none', status: Number(status), message: said.join('\n') } }
  }
  return { ...outcome, answers: said.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

/** Of an answer that is still coming; then curl is ended, as by Ctrl-C. */
async function firstLine(args: string[]): Promise<Record<string, unknown>> {
  const child = spawn('curl', ['-N', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) {
    child.kill('SIGINT')
    return JSON.parse(line) as Record<string, unknown>
  }
  throw new Error('curl ended without a line')
}

function request({ call, model, text, more, id, tool, schema }: Omit<Ask, 'url'>): {
  method: string
  path: string
  body?: object
} {
  const chat = { model, messages: [{ role: 'user', content: text }] }
  const responses = '/v1/responses'
  const whole = { ...chat, stream: false }
  return {
    list: { method: 'GET', path: '/api/tags' },
    tools: { method: 'POST', path: '/api/chat', body: { ...whole, tools: [{ type: 'function', function: tool }] } },
    structured: { method: 'POST', path: '/api/chat', body: { ...whole, format: schema } },
    abort: { method: 'POST', path: '/api/chat', body: chat },
    chat: { method: 'POST', path: '/api/chat', body: whole },
    stream: { method: 'POST', path: '/api/chat', body: chat },
    embed: { method: 'POST', path: '/api/embed', body: { model, input: text } },
    respond: { method: 'POST', path: responses, body: { model, input: text, ...more } },
    retrieve: { method: 'GET', path: `${responses}/${id}` },
    cancel: { method: 'POST', path: `${responses}/${id}/cancel` },
    delete: { method: 'DELETE', path: `${responses}/${id}` },
  }[call]
}
