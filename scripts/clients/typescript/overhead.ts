// `node scripts/clients/typescript/overhead.ts [pairs]`: what a chat by the client costs over the same request through the
// passthrough, both to a loaded model of the simulated Ollama, one after the other in pairs, and how many requests it makes.

import { Foreman } from '../../../client/typescript/src/index.ts'
import { median, ms, quantile } from '../../bench/quantile.ts'
import { setStage } from '../../page.harness.ts'

const pairs = Number(process.argv[2] ?? 500)
const warmUp = 50
const stage = await setStage({ models: ['llama3.2'] })
let requests = 0
const counted: typeof fetch = (...args) => {
  requests++
  return fetch(...args)
}
const foreman = new Foreman({ url: stage.url, fetch: counted })
const chat = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }] }
const body = JSON.stringify({ ...chat, stream: false })

const passed: number[] = []
const asked: number[] = []
for (let i = 0; i < warmUp + pairs; i++) {
  passed.push(await timed(async () => (await fetch(`${stage.url}/api/chat`, { method: 'POST', body })).json()))
  asked.push(await timed(() => foreman.chat(chat)))
}
const over = asked.map((took, i) => took - passed[i]!)
for (const [name, all] of Object.entries({ passthrough: passed, chat: asked, over })) {
  const warm = all.slice(warmUp)
  process.stdout.write(`${name.padEnd(12)} p50 ${ms(median(warm))}, p95 ${ms(quantile(warm, 0.95))}\n`)
}
process.stdout.write(`${pairs} pairs, ${requests / asked.length} requests a chat\n`)
await stage.close()

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await call()
  return performance.now() - began
}
