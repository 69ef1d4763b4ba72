// Client programs as their makers ship them, which call a real Ollama and then foreman in front of it: their users are left with
// the same. What they are asked and how they are called is scripts/compat's. None of them leaves in the middle of an answer: that
// may cost an Ollama the slot (slots.real.ts), and all who come later would wait for ever. Those who leave are abort.real.ts's.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { type Asked, asks as shared, said } from '../compat/asks.ts'
import { anthropicJs, installNode } from '../compat/node.ts'
import { type Ask, capabilities, type Caller, type Outcome, type Program } from '../compat/program.ts'
import { programs } from '../compat/programs.ts'
import { anthropicPython, python } from '../compat/python.ts'
import { embedder, lasting, talker } from '../compat/stage.ts'
import { importModel } from './models.ts'
import { type RealOllama, startOllama } from './ollama.ts'
import { type TinyModel, writeTinyGguf } from './tiny.ts'

const token = 'token-of-the-programs'

/** Random weights call no function: the model that does says nothing else. */
const functionCaller = 'function-caller'
const functionCall = '{"name":"get_weather","parameters":{"city":"Paris"}}'
const template =
  '{{ range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}{{ range .Tools }}{{ . }}\n{{ end }}assistant:'

const models: [TinyModel, more?: object][] = [
  [{ name: talker, seed: 1 }],
  [{ name: functionCaller, seed: 2, says: functionCall }, { template }],
  [{ name: embedder, seed: 4, embedding: true }],
]

const asks: Record<Asked, Omit<Ask, 'url'>> = { ...shared, tools: { ...shared.tools, model: functionCaller } }

/** Is not there: a model, or a path that later versions of Ollama have. */
const isMissing = (program: Program, asked: Asked) =>
  ['missing', 'responses'].includes(asked) || ([anthropicJs, anthropicPython].includes(program) && asked !== 'list')

let ollama: RealOllama
/** Its own models, as all that there are get listed. */
const folder = mkdtempSync(join(tmpdir(), 'foreman-programs-'))
beforeAll(async () => {
  const say = (line: string) => process.stdout.write(`${line}\n`)
  await python.make(say)
  await installNode(say)
  ollama = await startOllama({ name: 'programs', models: join(folder, 'models'), maxLoadedModels: models.length })
  for (const [model, more] of models) {
    const path = join(folder, `${model.name}.gguf`)
    await writeTinyGguf(path, model)
    const parameters = { seed: 7, num_ctx: 2048, num_thread: 1, num_predict: 200 }
    await importModel(ollama.url, model.name, path, { parameters, ...more })
  }
}, 120_000)
afterAll(async () => {
  await ollama?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe.each(programs.filter(({ slow }) => !slow))('$name', (program) => {
  let caller: Caller
  beforeAll(async () => {
    caller = await program.start()
  })
  afterAll(() => caller?.stop())

  const offered = capabilities.filter((capability) => capability !== 'abort' && !program.without?.[capability])
  test.each([...offered, ...(program.background ? (['responses'] as const) : [])])(
    '%s is what it is without foreman',
    async (asked) => {
      const foreman = await openForeman({ settings: { TARGET: ollama.url, HOLD: '0s', TOKEN: token } })
      const from = (url: string) => caller.ask({ url, token, ...asks[asked] })
      const missing = isMissing(program, asked)
      const direct = await from(ollama.url)
      expect(JSON.stringify(direct.answers)).toMatch(said[missing ? 'missing' : asked])
      expect(direct.error?.status).toBe(missing ? 404 : undefined)
      const through = await from(foreman.url)
      const same = asked === 'list' ? unordered : lasting
      expect(same(through)).toEqual(same(direct))
    },
  )
})

/** Ollama draws lots about the order of models of one second. */
function unordered(outcome: Outcome): unknown {
  return JSON.parse(JSON.stringify(outcome), (_, member: unknown) =>
    Array.isArray(member) ? member.map((each) => JSON.stringify(each)).sort() : member,
  )
}
