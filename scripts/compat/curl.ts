// curl, with the bodies that somebody writes by hand.

import { runProgram } from '../real/cache.ts'
import type { Ask, Outcome, Program } from './program.ts'

export const curl: Program = {
  name: 'curl',
  background: true,
  accepted: { chat: { job: true }, stream: { job: true }, embed: { job: true } },
  start: async () => {
    const said = await runProgram('curl', ['--version'])
    return { version: said.split(' ')[1] ?? '', ask: call, stop() {} }
  },
}

async function call({ url, headers = {}, ...ask }: Ask): Promise<Outcome> {
  const { method, path, body } = request(ask)
  const args = ['-sS', '--noproxy', '*', '-X', method, `${url}${path}`, '-w', '\n%{http_code} %header{location}']
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`)
  if (body) args.push('-H', 'Content-Type: application/json', '-d', JSON.stringify(body))
  const lines = (await runProgram('curl', args)).split('\n')
  const [status = '', location] = (lines.pop() ?? '').split(' ')
  const said = lines.filter((line) => line !== '')
  const outcome = { answers: [], location: location || undefined }
  if (Number(status) >= 400) {
    return { ...outcome, error: { class: 'none', status: Number(status), message: said.join('\n') } }
  }
  return { ...outcome, answers: said.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

function request({ call, model, text, more, id }: Omit<Ask, 'url'>): { method: string; path: string; body?: object } {
  const chat = { model, messages: [{ role: 'user', content: text }] }
  const responses = '/v1/responses'
  return {
    chat: { method: 'POST', path: '/api/chat', body: { ...chat, stream: false } },
    stream: { method: 'POST', path: '/api/chat', body: chat },
    embed: { method: 'POST', path: '/api/embed', body: { model, input: text } },
    respond: { method: 'POST', path: responses, body: { model, input: text, ...more } },
    retrieve: { method: 'GET', path: `${responses}/${id}` },
    cancel: { method: 'POST', path: `${responses}/${id}/cancel` },
    delete: { method: 'DELETE', path: `${responses}/${id}` },
  }[call]
}
