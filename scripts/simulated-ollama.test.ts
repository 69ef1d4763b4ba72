// `npm run simulated-ollama` by hand.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('it answers on the address that it says, and embeds with the model that it names for that', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'simulated-ollama.ts'), '0'])
  try {
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    const [, model, url] = /embeddings, (\S+) listens on (\S+);/.exec(line) ?? []
    const body = JSON.stringify({ model, input: 'x' })
    const answer = await fetch(`${url}/api/embed`, { method: 'POST', body })
    expect([answer.status, await answer.json()]).toMatchObject([200, { model, embeddings: [expect.any(Array)] }])
  } finally {
    child.kill()
  }
})
