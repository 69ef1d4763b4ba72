// `npm run pull-models` with a pin, in front of a real Ollama: the model keeps its weights and its other parameters, and is
// loaded with the pinned num_ctx for whoever asks for none.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { bring } from '../models/bring.ts'
import { Foreman } from '../models/foreman.ts'
import { Patience } from '../models/patience.ts'
import { Screen } from '../models/screen.ts'
import { tinyA } from './models.ts'
import { type Target, targets } from './targets.ts'

const model = 'pinned:latest'

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'pinned' })
  })
  afterAll(() => target.stop())

  test('a pin becomes the num_ctx of the model itself, once', async () => {
    const { url } = await openForeman({ settings: { TARGET: target.url, HOLD: '0s' } })
    const ask = async (path: string, body: object, method: 'POST' | 'DELETE' = 'POST') => {
      const answer = await fetch(url + path, { method, body: JSON.stringify(body) })
      return (await answer.json().catch(() => ({}))) as Record<string, unknown>
    }
    await ask('/api/copy', { source: tinyA, destination: model })
    const before = await ask('/api/show', { model })
    const foreman = new Foreman({ url, token: undefined })
    const patience = new Patience({ now: () => 0, pause: () => Promise.reject(new Error('it paused')) }, 0, () => {})
    const screen = new Screen(process.stdout, process.stderr)
    const wanted = [{ name: model, numCtx: 1024 }]
    try {
      expect(await bring(wanted, { foreman, patience, screen })).toBe(0)
      const after = await ask('/api/show', { model })
      expect(after.parameters).toMatch(/^num_ctx +1024$/m)
      const others = (text: unknown) =>
        String(text)
          .split('\n')
          .filter((line) => !line.startsWith('num_ctx'))
          .sort()
      expect(others(after.parameters)).toEqual(others(before.parameters))
      expect(after.template).toBe(before.template)
      const messages = [{ role: 'user', content: 'Hello' }]
      await ask('/api/chat', { model, messages, stream: false, options: { num_predict: 1 } })
      const { models } = (await (await fetch(`${url}/api/ps`)).json()) as {
        models: { name: string; context_length: number }[]
      }
      expect(models.find(({ name }) => name === model)?.context_length).toBe(1024)
    } finally {
      await ask('/api/delete', { model }, 'DELETE')
    }
  })
})
