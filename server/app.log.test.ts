// What foreman tells of itself: a line per transition and figures that add up, and in neither a prompt, an output or a
// token.

import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Line } from './app.harness.ts'
import { openFake, openTarget, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import { errorShown } from './ledger/ledger.ts'

/** The samples of a page in Prometheus' text format, by name and labels. Throws for a line that is none. */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>()
  const typed = new Set<string>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, name] = /^# (?:HELP|TYPE) (\w+) \S.*$/.exec(line) ?? []
    if (name) typed.add(name)
    if (line.startsWith('#')) {
      expect(line).toMatch(/^# (HELP|TYPE) /)
      continue
    }
    const [, key = '', value] = /^([a-zA-Z_:][\w:]*(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})?) (\S+)$/.exec(line) ?? []
    expect([line, Number.isNaN(Number(value)) && value !== 'Nan']).toEqual([line, false])
    expect(found.has(key)).toBe(false)
    expect(typed).toContain(
      key.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, (end) => (typed.has(key.replace(/\{.*/, '')) ? end : '')),
    )
    found.set(key, Number(value))
  }
  return found
}

const tokens = { TOKEN: 'token-of-foreman-1234567890', TARGET_TOKEN: 'token-of-target-1234567890' }
const secret = 'SECRETPROMPT'
const answer = 'SECRETANSWER'

/** A foreman with tokens, at work with one job of every ending and some people, all of whose words are secret. */
async function busy(level: string): Promise<{ foreman: Foreman; ids: string[] }> {
  const clock = new VirtualClock()
  const fake = await openFake({ models: ['alpha', 'beta'], reply: () => `${answer} ${answer}` })
  const foreman = await openForeman({ clock, fake, settings: { ...tokens, LOG_LEVEL: level }, random: () => 0.5 })
  const authorization = `Bearer ${tokens.TOKEN}`
  const submit = async (input: object) =>
    (await foreman.submit({ ...input, labels: { name: secret } }, { authorization })).id
  const ended = async (id: string) => {
    while (
      !/done|failed|canceled/.test(String((await foreman.get(`/jobs/${id}?wait=60`, { authorization })).json.state))
    );
    return id
  }
  const ids = [await ended(await submit(chat('alpha', secret)))]
  ids.push(
    await ended(await submit({ request: { endpoint: '/v1/completions', body: { model: 'alpha', prompt: secret } } })),
  )
  // What the target says in an error may quote what it was asked.
  fake.fault({ do: 'refuse', status: 400, text: `invalid format: ${secret}` })
  ids.push(await ended(await submit(chat('alpha', secret))))
  fake.fault({ do: 'crash', after: 2 })
  const again = await submit(chat('beta', secret))
  await foreman.reached(again, 'back_off')
  await pass(clock, 6000)
  ids.push(await ended(again))
  await foreman.post('/queue/pause', undefined, { authorization })
  ids.push(await submit(chat('alpha', secret)))
  await foreman.post(`/jobs/${ids.at(-1)}/cancel`, undefined, { authorization })
  await foreman.post('/jobs', { ...chat('', secret) }, { authorization })
  await foreman.post('/jobs', `{"${secret}`, { authorization })
  await foreman.post('/jobs', chat('alpha', secret), { authorization: `Bearer ${secret}` })
  await foreman.get(`/jobs?label=name:${secret}`, { authorization })
  for (const body of [
    { model: 'alpha', prompt: secret },
    { model: secret, prompt: secret },
  ])
    await foreman.post('/api/generate', body, { authorization })
  await foreman.get(`/v1/models/${secret}?q=${secret}`, { 'x-api-key': tokens.TOKEN })
  return { foreman, ids }
}

test('one line for each transition, and in no line a prompt, an output, a label or a token', async () => {
  const { foreman, ids } = await busy('trace')
  const sql = 'SELECT job.id AS job, event.state FROM event JOIN job ON job.seq = event.job ORDER BY event.seq'
  const events = foreman.rows<{ job: string; state: string }>(sql)
  const told = (line: Line) => ({ job: line.job, state: line.state })
  expect(foreman.lines.filter(({ job }) => job !== undefined).map(told)).toEqual(events)
  expect(events.filter(({ state }) => /done|failed|canceled/.test(state)).map(({ job }) => job)).toEqual(ids)
  expect(foreman.lines.filter(({ msg }) => msg === 'passed through').length).toBeGreaterThanOrEqual(3)
  const all = foreman.written
  for (const word of [secret, answer, ...Object.values(tokens)]) expect(all).not.toContain(word)
  expect(foreman.lines.every(({ level }) => Number(level) < 50)).toBe(true)
})

test('at info people leave no line', async () => {
  const { foreman } = await busy('info')
  expect(foreman.lines.filter(({ msg }) => msg === 'passed through')).toEqual([])
})

test('the figures parse, add up with the database, and name nothing secret', async () => {
  const { foreman } = await busy('info')
  const authorization = `Bearer ${tokens.TOKEN}`
  expect((await foreman.get('/metrics')).status).toBe(401)
  const page = await foreman.get('/metrics', { authorization })
  expect(page.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  for (const word of [secret, answer, ...Object.values(tokens)]) expect(page.text).not.toContain(word)
  const found = samples(page.text)
  const value = (name: string) => found.get(`foreman_${name}`)
  for (const { state, n } of foreman.rows<{ state: string; n: number }>(
    'SELECT state, count(*) AS n FROM job GROUP BY state',
  ))
    expect([state, value(`jobs{state="${state}"}`)]).toEqual([state, n])
  expect(value('jobs_finished_total{state="done",code="none"}')).toBe(3)
  expect(value('jobs_finished_total{state="failed",code="target_refused"}')).toBe(1)
  expect(value('jobs_finished_total{state="canceled",code="none"}')).toBe(1)
  // Each start is a wait that ended: three that were done, one of them twice, and the refused one.
  expect(value('job_wait_seconds_count')).toBe(5)
  const runs = ['/api/chat', '/v1/completions'].map((endpoint) =>
    value(`job_run_seconds_count{endpoint="${endpoint}"}`),
  )
  expect(runs).toEqual([4, 1])
  const loaded = foreman.fake.requests.filter(({ purpose, status }) => purpose === 'load' && status === 200)
  expect(value('model_loads_total')).toBe(loaded.length)
  const usage = foreman
    .rows<{ usage: string }>("SELECT usage FROM job WHERE state = 'done'")
    .map((row) => JSON.parse(row.usage) as Record<string, number>)
  for (const [kind, field] of [
    ['prompt', 'prompt_tokens'],
    ['output', 'output_tokens'],
  ] as const)
    expect(value(`tokens_total{kind="${kind}"}`)).toBe(usage.reduce((sum, one) => sum + (one[field] ?? 0), 0))
  expect(value('proxy_requests_total{route="/api/generate",code="200"}')).toBe(1)
  expect(value('proxy_requests_total{route="/api/generate",code="404"}')).toBe(1)
  expect(value('target_up')).toBe(1)
  expect(value('outbox_pending')).toBe(0)
  expect(value('store_bytes')).toBeGreaterThan(4096)
  expect(value('store_commit_seconds_count')).toBeGreaterThan(10)
  const labels = [...found.keys()].filter((name) => name.startsWith('foreman_') && !name.includes('le="'))
  expect(labels.length).toBeLessThan(120)
})

test('a model whose jobs go one by one is not starved, however long the last of them has waited', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock })
  const figure = async (name: string) =>
    Number(new RegExp(`^foreman_${name} (.+)$`, 'm').exec((await foreman.get('/metrics')).text)?.[1])
  await foreman.post('/queue/pause')
  const first = await foreman.submit(chat('alpha'))
  const last = await foreman.submit(chat('alpha'))
  await pass(clock, 60_000)
  expect([await figure('oldest_wait_seconds'), await figure('starved_seconds')]).toEqual([60, 60])
  foreman.fake.fault({ do: 'hang', after: 2 })
  await foreman.post('/queue/resume')
  await foreman.reached(first.id, 'working')
  await pass(clock, 10_000)
  expect([await figure('oldest_wait_seconds'), await figure('starved_seconds')]).toEqual([70, 10])
  await foreman.post(`/jobs/${first.id}/cancel`)
  await foreman.ended(last.id)
})

test('what goes wrong inside is logged whole and told to nobody', async () => {
  let broken = false
  const foreman = await openForeman({
    fault: (point) => {
      if (broken && point === 'submit:inside') throw new TypeError('the inside of foreman')
    },
  })
  broken = true
  const answers = [await foreman.post('/jobs', chat()), await foreman.post('/trpc/jobs.submit', chat())]
  for (const { status, text } of answers) {
    expect(status).toBe(500)
    expect(text).toContain('urn:foreman:problem:internal')
    expect(text).not.toMatch(/inside of foreman|TypeError|\.ts/)
  }
  const lines = foreman.lines.filter(({ msg }) => msg === 'internal error')
  expect(lines).toHaveLength(2)
  for (const { err } of lines)
    expect(err).toMatchObject({
      message: expect.stringContaining('the inside of foreman') as string,
      stack: expect.stringContaining('TypeError') as string,
    })
})

test('a pause is told, when it begins, when it ends and at a start that finds it, and in the figures while jobs wait; so is a turn, by its model', async () => {
  const foreman = await openForeman()
  const said = () => foreman.lines.map(({ msg }) => msg)
  const waiting = async () =>
    [...(await foreman.get('/metrics')).text.matchAll(/^foreman_waiting\{reason="(\w+)"\} 1$/gm)].map(([, why]) => why)
  await foreman.post('/queue/pause')
  expect(await waiting()).toEqual([])
  const { id } = await foreman.submit(chat('alpha'))
  expect(await waiting()).toEqual(['paused'])
  await foreman.restart()
  expect(said().filter((line) => line === 'the queue is paused: no job starts')).toHaveLength(2)
  await foreman.post('/queue/resume')
  expect(said()).toContain('the queue goes on')
  await foreman.ended(id)
  expect(await waiting()).toEqual([])
  await foreman.logged(({ msg }) => msg === 'turn over')
  const turns = foreman.lines.filter(({ msg }) => msg === 'a turn of jobs begins' || msg === 'turn over')
  expect(turns.map(({ msg, key }) => [msg, key])).toEqual([
    ['a turn of jobs begins', 'alpha:latest'],
    ['turn over', 'alpha:latest'],
  ])
})

test('an answer that is not quite JSON is quoted nowhere in the log, whatever trips over it', async () => {
  const text = 'x'.repeat(300_000)
  const answers: Record<string, string> = {
    '/v1/chat/completions': `{"choices":[{"message":{"content":"${text}"}}],"more":[secret]}`,
    '/api/chat': `{"message":{"content":"${text}"},"eval_count":secret,"done":true}\n`,
  }
  const target = await openTarget(({ path, answer }) => answer.end(answers[path]))
  const foreman = await openForeman({ settings: { TARGET: target } })
  for (const endpoint of Object.keys(answers)) {
    const { id } = await foreman.submit({
      request: { endpoint, body: { model: 'alpha', messages: [] } },
      max_attempts: 1,
    })
    await foreman.ended(id)
    await foreman.trpc.jobs.get.query({ id, include: ['response'] } as never).catch(() => undefined)
  }
  await foreman.close()
  expect(foreman.lines.map(({ state }) => state)).toContain('failed')
  expect(foreman.lines.map(({ state }) => state)).toContain('done')
  expect(foreman.written).not.toContain('secret')
})

test('what a parser says is left out of an error, what anybody else says is not', () => {
  const thrown = (work: () => unknown) => {
    try {
      return work()
    } catch (error) {
      return JSON.stringify(errorShown(error))
    }
  }
  const parser = thrown(() => JSON.parse('{"a":secret}') as unknown)
  expect(parser).toMatch(/SyntaxError.*\bat /)
  expect(parser).not.toContain('secr')
  const other = () => {
    throw new Error('the disk')
  }
  expect(thrown(other)).toMatch(/the disk.*\bat /)
})
