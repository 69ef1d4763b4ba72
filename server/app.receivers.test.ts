// Whom a job may have called, as callers and the person who starts foreman meet it. What is refused at all and why has
// its table in webhooks/hostile.test.ts.

import { expect, test } from 'vitest'
import { chat, openForeman } from './app.harness.ts'
import { loadConfig } from './config.ts'

const secret = { WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }
const loopback = '127.0.0.1: a loopback address, which FOREMAN_WEBHOOK_ALLOW does not list'

const inner = 'https://2130706433/?key=hush'
const refused: [what: string, input: object, pointers: string[]][] = [
  ['a webhook', { webhook: { url: inner } }, ['/webhook/url']],
  ['uploads', { deliver: { url: `${inner}&{name}` } }, ['/deliver/url']],
  ['an upload by name', { deliver: { urls: { 'output.txt': inner } } }, ['/deliver/urls/output.txt']],
  [
    'all three',
    {
      webhook: { url: inner },
      deliver: { url: `${inner}&{name}`, urls: { 'a/b': inner, good: 'https://a.example/' } },
    },
    ['/webhook/url', '/deliver/url', '/deliver/urls/a~1b'],
  ],
]

test.each(refused)('%s into the network of foreman: refused at submit, over REST and tRPC alike', async (...row) => {
  const [, input, pointers] = row
  const foreman = await openForeman({ settings: secret })
  const problem = (before: string) => ({
    code: 'invalid_request',
    status: 422,
    detail: `${before}${pointers[0]}: ${loopback}`,
    errors: pointers.map((pointer) => ({ pointer: before + pointer, detail: loopback })),
  })
  const job = { ...chat(), ...input }
  const jobs = { jobs: [chat(), job] }
  const [one, batch] = [await foreman.post('/jobs', job), await foreman.post('/jobs/batch', jobs)]
  expect([one.status, one.json]).toMatchObject([422, problem('')])
  expect([batch.status, batch.json]).toMatchObject([422, problem('/jobs/1')])
  const { submit, submit_batch } = foreman.trpc.jobs
  await expect(submit.mutate(job as never)).rejects.toMatchObject({ data: { problem: problem('') } })
  await expect(submit_batch.mutate(jobs as never)).rejects.toMatchObject({ data: { problem: problem('/jobs/1') } })
  expect(foreman.rows('SELECT * FROM job')).toEqual([])
  expect(one.text + foreman.written).not.toContain('hush')
})

test('a job may have called whom FOREMAN_WEBHOOK_ALLOW lists, and whoever is to be found elsewhere', async () => {
  const foreman = await openForeman({ settings: { ...secret, WEBHOOK_ALLOW: '127.0.0.0/8,Hooks.lan' } })
  const urls = ['http://127.0.0.1:9999/hook', 'http://hooks.lan/', 'https://hooks.lan./', 'https://somewhere.example/']
  for (const url of urls) await foreman.submit({ ...chat(), webhook: { url, events: ['canceled'] } })
  const answer = await foreman.post('/jobs', { ...chat(), webhook: { url: 'http://10.0.0.1/' } })
  expect(answer.status).toBe(422)
})

test('a default receiver that is never called keeps foreman from starting, and says why', () => {
  const start =
    (url: string, allow = '') =>
    () =>
      loadConfig(
        {
          FOREMAN_WEBHOOK_URL: url,
          FOREMAN_WEBHOOK_ALLOW: allow,
          FOREMAN_WEBHOOK_SECRET: secret.WEBHOOK_SECRET,
        },
        () => '',
      )
  expect(start('https://2130706433/?key=hush')).toThrow(`FOREMAN_WEBHOOK_URL is "https://2130706433/?…" (${loopback})`)
  expect(start('http://hooks.lan/', '10.0.0.0/8')).not.toThrow()
  expect(start('http://10.1.1.1/', '10.0.0.0/8')).not.toThrow()
  expect(start('http://10.1.1.1/', 'hooks.lan')).toThrow('FOREMAN_WEBHOOK_URL')
  expect(start('https://me:hush@hooks.lan/')).toThrow('FOREMAN_WEBHOOK_URL is "https://…@hooks.lan/" (a user in')
  expect(start('http://169.254.169.254/', '0.0.0.0/0')).toThrow('a metadata service, which is never called')
})
