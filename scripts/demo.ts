// The demonstration: a dozen jobs over up to three models, a person chatting through the passthrough, foreman killed in
// the middle and started again, and the sums at the end. Exit code 0 only if every job is done, nothing was lost, the
// chat was whole, and fewer models were loaded than in the order of arrival, where the target has room for fewer than
// there are.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFake, type Fake } from '../server/ollama/fake/fake.ts'
import { Daemon, freePort } from './demo/daemon.ts'
import { firstComeLoads } from '../server/job/runners.ts'
import { Stage } from './demo/stage.ts'

const deadline_ms = 28_000
const jobCount = 12
/** foreman is killed when so many are done. */
const doneBeforeKill = jobCount / 3
const tokens = 16

interface Job {
  id: string
  state: string
  request: { model: string }
  interruptions: number
}

const stage = new Stage(process.stdout)
const folder = mkdtempSync(join(tmpdir(), 'foreman-demo-'))
let daemon: Daemon | undefined
let fake: Fake | undefined
const giveUp = setTimeout(() => void end('it took too long'), deadline_ms)

async function demo(): Promise<string | null> {
  const asked = process.env.FOREMAN_TARGET ?? 'http://127.0.0.1:11434'
  let models = await modelsOf(asked)
  let target = asked
  if (models.length === 0) {
    fake = await startFake({ models: ['llama3.2:3b', 'qwen3:4b', 'gemma3:1b'], loadMs: 600, tokenMs: 20, tokens })
    target = fake.url
    models = await modelsOf(target)
    stage.say(`No Ollama with models at ${asked}: using the built-in simulated one.`)
  } else {
    stage.say(`Using the Ollama at ${asked} with ${models.join(', ')}.`)
  }
  const port = await freePort()
  daemon = new Daemon({ target, port, folder })
  await daemon.start()
  stage.say(`foreman listens on ${daemon.url}`)

  const before = await residents(target)
  const arrivals = Array.from({ length: jobCount }, (_, i) => models[i % models.length] as string)
  const ids: string[] = []
  for (const [i, model] of arrivals.entries()) ids.push((await submit(daemon, model, i)).id)
  stage.say(`${ids.length} jobs handed over, every one answered 202 and on disk`)

  let loads = 0
  let room = Math.max(1, before.length)
  let chat: Promise<boolean> | undefined
  let chatted: boolean | undefined
  let killed = false
  for (;;) {
    const jobs = await list(daemon, ids)
    room = Math.max(room, (await residents(target)).length)
    stage.draw(
      jobs.map(({ id, state, request, interruptions }) => ({ id, state, model: request.model, interruptions })),
    )
    const done = jobs.filter((job) => job.state === 'done').length
    const running = jobs.find((job) => job.state === 'working')
    if (!chat && running) chat = person(daemon, running.request.model).then((whole) => (chatted = whole))
    if (!killed && chatted !== undefined && done >= doneBeforeKill && running) {
      if (!chatted) return 'the chat through the passthrough was not whole'
      loads += await daemon.loads()
      stage.say('kill -9 foreman, in the middle of a job')
      await daemon.kill()
      await daemon.start()
      stage.say('foreman is back; nothing was handed over again')
      killed = true
    }
    if (jobs.every((job) => ['done', 'failed', 'canceled'].includes(job.state))) {
      loads += await daemon.loads()
      if (!killed) return 'the jobs were over before foreman could be killed'
      return verdict(jobs, ids, models, { loads, room, firstCome: firstComeLoads(arrivals, room, before) })
    }
    await pause(50)
  }
}

/** Prints the table; null when all that was promised held. */
function verdict(
  jobs: readonly Job[],
  ids: readonly string[],
  models: readonly string[],
  { loads, room, firstCome }: { loads: number; room: number; firstCome: number },
): string | null {
  const done = jobs.filter((job) => job.state === 'done')
  const lost = ids.filter((id) => !jobs.some((job) => job.id === id)).length
  stage.table(
    ['model', 'jobs', 'done', 'interrupted'],
    models.map((model) => {
      const of = jobs.filter((job) => job.request.model === model)
      return [
        model,
        of.length,
        of.filter((job) => job.state === 'done').length,
        of.filter((job) => job.interruptions > 0).length,
      ]
    }),
  )
  stage.say(`jobs done ${done.length} of ${ids.length}, lost ${lost}; model loads ${loads}`)
  stage.say(
    `first come, first served would have taken ${firstCome} for the same jobs, on a target that holds ${room} at once ` +
      '(the most that /api/ps listed) and drops the one used longest ago; the person is not counted',
  )
  if (done.length !== ids.length || lost > 0) return 'not every job was done'
  if (room >= models.length) {
    stage.say(
      models.length === 1 ? 'One model: no order saves a load.' : 'All of them fit at once: no order saves a load.',
    )
    return null
  }
  return loads >= firstCome ? 'draining saved no load' : null
}

/** Up to three completion models that the target has. */
async function modelsOf(url: string): Promise<string[]> {
  try {
    const answer = await fetch(`${url}/api/tags`, { signal: AbortSignal.timeout(2000) })
    const { models } = (await answer.json()) as {
      models: { name: string; size: number; capabilities?: string[]; remote_host?: string }[]
    }
    const able = models.filter(
      ({ name, capabilities, remote_host }) =>
        !remote_host && !/embed|bge-|minilm/i.test(name) && (capabilities?.includes('completion') ?? true),
    )
    return able
      .sort((a, b) => a.size - b.size)
      .slice(0, 3)
      .map(({ name }) => name)
  } catch {
    return []
  }
}

/** Models in the target's memory, those that leave first in front; none when it can't be told. */
async function residents(url: string): Promise<string[]> {
  try {
    const answer = await fetch(`${url}/api/ps`, { signal: AbortSignal.timeout(2000) })
    const { models } = (await answer.json()) as { models: { name: string; expires_at: string }[] }
    return models.sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at)).map(({ name }) => name)
  } catch {
    return []
  }
}

async function submit({ url }: Daemon, model: string, n: number): Promise<Job> {
  const body = { model, prompt: `Say something short about the number ${n}.`, options: { num_predict: tokens } }
  const answer = await fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ request: { endpoint: '/api/generate', body }, labels: { demo: String(n) } }),
  })
  if (answer.status !== 202) throw new Error(`a submit was answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Job
}

async function list({ url }: Daemon, ids: readonly string[]): Promise<Job[]> {
  const answer = await fetch(`${url}/jobs?limit=200`)
  const { data } = (await answer.json()) as { data: Job[] }
  return data.filter((job) => ids.includes(job.id)).toReversed()
}

/** A person's streaming chat, straight through; true when it ended as Ollama ends one. */
async function person({ url }: Daemon, model: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }], options: { num_predict: tokens } }),
  })
  let text = ''
  let rest = ''
  let whole = false
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines.map((one) => JSON.parse(one) as { message?: { content: string }; done?: boolean })) {
      text += line.message?.content ?? ''
      whole ||= line.done === true
      stage.talk(`a person chats with ${model}: ${text.trim()}`)
    }
  }
  stage.say(`a person chatted with ${model}, streamed through: “${text.trim().slice(0, 60)}”`)
  return whole
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function end(wrong: string | null): Promise<void> {
  clearTimeout(giveUp)
  await daemon?.stop()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
  stage.say(wrong === null ? 'All of it held.' : `It did not hold: ${wrong}.`)
  process.exit(wrong === null ? 0 : 1)
}

await end(await demo().catch((error: unknown) => (error as Error).message))
