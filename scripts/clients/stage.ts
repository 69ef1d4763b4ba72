// For tests of clients in other languages: a foreman process in front of a simulated Ollama. The first line it writes says where
// both are, as JSON. Then it obeys one command a line and answers each with a line when it is done; the end of its input ends all.
//
//   kill, start   foreman, at once and not before it answers again
//   hang          the target sends two pieces of its next answer, and nothing after them
//   held          waits until the target was asked for the model `slow`, which is not loaded before `load`
//   load          the model `slow` is loaded
//   idle          waits until nobody asks the target for anything

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startFake } from '../../server/ollama/fake/fake.ts'
import { Daemon, freePort } from '../demo/daemon.ts'

const token = 'token-of-the-stage'
const secret = `whsec_${Buffer.from('the secret of the stage, long enough').toString('base64')}`
const folder = mkdtempSync(join(tmpdir(), 'foreman-stage-'))
const load = Promise.withResolvers<number>()
const fake = await startFake({
  models: ['llama3.2', 'slow', { name: 'nomic-embed-text', capabilities: ['embedding'] }],
  loadMs: (model) => (model.startsWith('slow') ? load.promise : 0),
})
const settings = {
  FOREMAN_TOKEN: token,
  FOREMAN_WEBHOOK_SECRET: secret,
  FOREMAN_WEBHOOK_ALLOW: '127.0.0.1',
}
const daemon = new Daemon({ target: fake.url, port: await freePort(), folder, settings })
await daemon.start()

const commands: Record<string, () => unknown> = {
  kill: () => daemon.kill(),
  start: () => daemon.start(),
  hang: () => fake.fault({ do: 'hang', after: 2 }),
  held: () => fake.until(() => fake.requests.some(({ model }) => model?.startsWith('slow'))),
  load: () => load.resolve(0),
  idle: () => fake.until(() => fake.requests.every(({ outcome }) => outcome !== 'open')),
}
const say = (what: unknown) => process.stdout.write(`${JSON.stringify(what)}\n`)

say({ url: daemon.url, target: fake.url, token, secret })
for await (const command of createInterface({ input: process.stdin })) {
  await commands[command]?.()
  say({ done: command })
}
load.resolve(0)
await daemon.stop()
await fake.close()
rmSync(folder, { recursive: true, force: true })
