// The alerts, the example of how to scrape, the dashboard and the page of figures, read by Prometheus' own programs: promtool,
// and a Prometheus that scrapes a foreman at work. Nothing here draws the dashboard: Grafana is no package.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../demo/daemon.ts'
import { setBusyStage, token, type Busy } from '../observe/busy.harness.ts'
import { alertsOf, questionsOf, type Asked, type Dashboard } from '../observe/promql.ts'
import { root, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { fromDebian } from './tools.ts'

const folder = join(root, 'deploy', 'prometheus')
const alerts = alertsOf(textOf('deploy', 'prometheus', 'alerts.yaml'))
const dashboard = JSON.parse(textOf('deploy', 'grafana', 'foreman.json')) as Dashboard

let busy: Busy
/** A copy of the folder, with the example made to find this foreman and its token. */
let here: string

beforeAll(async () => {
  await fromDebian({ promtool: 'prometheus', prometheus: 'prometheus' })
  busy = await setBusyStage()
  here = join(busy.folder, 'prometheus')
  mkdirSync(here)
  writeFileSync(join(here, 'token'), token)
  copyFileSync(join(folder, 'alerts.yaml'), join(here, 'alerts.yaml'))
  const example = textOf('deploy', 'prometheus', 'prometheus.yaml')
  const changed = [
    ['/run/secrets/foreman_token', join(here, 'token')],
    ['foreman:11435', busy.url.replace('http://', '')],
    ['scrape_interval: 30s', 'scrape_interval: 1s'],
  ].reduce((text, [from, to]) => {
    expect(text).toContain(from)
    return text.replace(from!, to!)
  }, example)
  writeFileSync(join(here, 'prometheus.yaml'), changed)
})
afterAll(() => busy?.close())

describe('promtool', () => {
  test('takes the alerts, and has each fire when it should and not else', async () => {
    expect(await runProgram('promtool', ['check', 'rules', join(folder, 'alerts.yaml')])).toContain(
      `${alerts.length} rules found`,
    )
    await runProgram('promtool', ['test', 'rules', join(folder, 'alerts.test.yaml')])
  })

  test('takes the example of how to scrape', async () => {
    await runProgram('promtool', ['check', 'config', '--lint-fatal', join(here, 'prometheus.yaml')])
  })

  test('finds nothing to say about the page of figures', async () => {
    writeFileSync(join(here, 'metrics'), await busy.figures())
    const said = await runProgram('sh', ['-c', 'promtool check metrics < "$0" 2>&1', join(here, 'metrics')])
    expect(said).toBe('')
  })

  test('takes every question of the dashboard', async () => {
    const rules = questionsOf(dashboard, '5m').map(({ expr }, i) => ({ record: `question:${i}`, expr }))
    writeFileSync(join(here, 'questions.yaml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    expect(await runProgram('promtool', ['check', 'rules', join(here, 'questions.yaml')])).toContain(
      `${rules.length} rules found`,
    )
  })
})

describe('a Prometheus with the example', () => {
  let address: string
  let stop: () => Promise<unknown>

  /** The series that answer it now. */
  async function answers(expr: string): Promise<unknown[]> {
    const answer = await fetch(`${address}/api/v1/query?${new URLSearchParams({ query: expr })}`)
    const { data, error } = (await answer.json()) as { data?: { result: unknown[] }; error?: string }
    if (!data) throw new Error(`${expr}: ${error}`)
    return data.result
  }

  /** Waits until something answers it. */
  async function answered(expr: string): Promise<void> {
    while ((await answers(expr)).length === 0) await new Promise((resolve) => setTimeout(resolve, 100))
  }

  beforeAll(async () => {
    const port = await freePort()
    address = `http://127.0.0.1:${port}`
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(here, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(here, 'tsdb')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    )
    const ended = once(child, 'exit')
    stop = () => (child.kill(), ended)
    while (!(await fetch(`${address}/-/ready`).catch(() => undefined))?.ok) {
      if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
  afterAll(() => stop?.())

  test('comes to the figures with the token, and answers the dashboard', async () => {
    await answered('up{job="foreman"} == 1')
    // What counts has to grow before anybody's eyes to be a rate.
    await busy.work()
    await answered('rate(foreman_jobs_finished_total{state="done"}[1m]) > 0')
    // Empty while all is well; the reader is told so by the panel.
    const quiet = /^foreman_waiting\{instance=~"\.\+"\} == 1$/
    const asked = questionsOf(dashboard, '1m').filter(({ expr }) => !quiet.test(expr))
    const silent: Asked[] = []
    for (const one of asked) if ((await answers(one.expr)).length === 0) silent.push(one)
    expect(silent).toEqual([])
  })

  test('has the alerts, none of which fires while all is well', async () => {
    const answer = await fetch(`${address}/api/v1/rules`)
    const { data } = (await answer.json()) as {
      data: { groups: { rules: { name: string; state: string; lastError?: string }[] }[] }
    }
    const rules = data.groups.flatMap(({ rules }) => rules)
    expect(rules.map(({ name }) => name)).toEqual(alerts.map(({ at }) => at))
    const firing = new Set<string>()
    for (const { at, expr } of alerts) if ((await answers(expr)).length > 0) firing.add(at)
    // Where tests are run there may be little left on the disk.
    firing.delete('ForemanDiskLow')
    expect([...firing]).toEqual([])
  })
})
