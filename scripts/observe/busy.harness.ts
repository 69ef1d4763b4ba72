// For tests of what watches foreman: one with a token, which has run jobs, failed at one, told a receiver and served people.

import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setStage, type Stage } from '../page.harness.ts'

export const token = 'token-for-tests-of-what-watches'

export interface Busy extends Stage {
  /** Its page of figures, now. */
  figures(): Promise<string>
  /** Some more work, to its end. */
  work(): Promise<void>
}

export async function setBusyStage(): Promise<Busy> {
  // It takes whatever it is told.
  const receiver = createServer((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')),
  )
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const told = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const stage = await setStage(
    { models: ['alpha', 'beta'], loadMs: 20, tokenMs: 1 },
    {
      FOREMAN_TOKEN: token,
      FOREMAN_HOLD: '0s',
      FOREMAN_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      FOREMAN_WEBHOOK_ALLOW: '127.0.0.0/8',
    },
  )
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const answer = await fetch(stage.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return (await answer.json()) as Record<string, unknown>
  }
  const chat = (model: string) => ({ model, messages: [{ role: 'user', content: 'x' }], stream: false })
  const job = (model: string) =>
    post('/jobs?wait=60', { request: { endpoint: '/api/chat', body: chat(model) }, webhook: { url: told } })
  const busy: Busy = {
    ...stage,
    async figures() {
      return (await fetch(`${stage.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
    },
    async work() {
      await Promise.all(['alpha', 'beta', 'alpha', 'none-of-this-name'].map(job))
      await post('/api/chat', chat('beta'))
      await post('/api/chat', chat('none-of-this-name'))
    },
    async close() {
      await stage.close()
      receiver.close()
    },
  }
  await busy.work()
  return busy
}
