// What foreman does when its database can no longer be read while it runs, and what a queue that ran dry leaves behind.

import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openForeman } from './app.harness.ts'

const job = (model: string, i: number) => ({
  request: {
    endpoint: '/api/generate',
    body: { model, prompt: 'x'.repeat(3000), options: { num_ctx: 1000 + (i % 40) } },
  },
})

test('pages of the database turn to rubbish: people go on, the daemon lives', async () => {
  const foreman = await openForeman({ fake: { models: ['alpha', 'beta'] } })
  await foreman.call('POST', '/queue/pause')
  for (let batch = 0; batch < 3; batch++) {
    const jobs = Array.from({ length: 700 }, (_, i) => job(i % 2 ? 'alpha' : 'beta', i))
    expect((await foreman.call('POST', '/jobs/batch', { body: { jobs } })).status).toBe(202)
  }
  await foreman.restart()
  const path = join(foreman.folder, 'foreman.db')
  const file = openSync(path, 'r+')
  for (let at = 5 * 4096; at < statSync(path).size; at += 4096) writeSync(file, Buffer.alloc(4096, 0xab), 0, 4096, at)
  closeSync(file)
  await foreman.call('POST', '/queue/resume')
  await foreman.logged(({ msg, err }) => msg === 'worker' && err !== undefined)
  expect((await foreman.call('GET', '/api/version')).status).toBe(200)
  expect((await foreman.call('GET', '/livez')).status).toBe(200)
})

test('a turn whose key has run dry is over', async () => {
  const foreman = await openForeman({ fake: { models: ['alpha'] } })
  const { json } = await foreman.call('POST', '/jobs?wait=10', { body: job('alpha', 0) })
  expect(json.state).toBe('done')
  await foreman.app.idle()
  expect((await foreman.call('GET', '/queue')).json.turn).toBeUndefined()
})
