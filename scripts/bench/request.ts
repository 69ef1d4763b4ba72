// The requests that are sent, whole: the same bytes to every server of a comparison.

import { token } from './foreman.ts'

/** A head without its end: request line and the lines that every client sends. */
export function head(method: string, path: string): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', `Authorization: Bearer ${token}`, 'Accept: */*']
  return `${lines.join('\r\n')}\r\nUser-Agent: bench\r\n`
}

export function get(path: string): string {
  return `${head('GET', path)}\r\n`
}

export function post(path: string, json: unknown): string {
  const body = JSON.stringify(json)
  return `${head('POST', path)}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

const messages = [
  { role: 'system', content: 'You answer in one sentence.' },
  { role: 'user', content: 'Why is the sky blue on a clear day and red at its end?' },
]

/** A chat as a person's client sends it. */
export const chat = { model: 'bench', messages, options: { num_ctx: 8192, temperature: 0.2 } }

/** A job as a program submits it. */
export const job = { request: { endpoint: '/api/chat', body: chat }, labels: { feed: '42' } }
