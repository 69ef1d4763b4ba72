// The alerts and the dashboard held to the figures of a foreman that has worked, and to the page that says what to do. What
// takes Prometheus' own programs is deploy/observe.deploy.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setBusyStage, type Busy } from './observe/busy.harness.ts'
import { readFigures, type Figures } from './observe/page.ts'
import { alertsOf, labelsIn, questionsOf, usesIn, type Asked, type Dashboard } from './observe/promql.ts'
import { textOf } from './page.harness.ts'

const alerts = alertsOf(textOf('deploy', 'prometheus', 'alerts.yaml'))
const tests = textOf('deploy', 'prometheus', 'alerts.test.yaml')
const dashboard = JSON.parse(textOf('deploy', 'grafana', 'foreman.json')) as Dashboard

let busy: Busy
let figures: Figures

beforeAll(async () => {
  busy = await setBusyStage()
  figures = readFigures(await busy.figures())
}, 60_000)
afterAll(() => busy?.close())

/** Prometheus adds these itself. */
const added = new Set(['job', 'instance'])

/** What an expression names and foreman does not have. */
function unknown({ at, expr }: Asked): string[] {
  const uses = usesIn(expr)
  const found = uses.length > 0 ? [] : [`${at}: names no figure`]
  for (const { metric, wants } of uses) {
    if (metric === 'up') continue
    const labels = figures.series.get(metric)
    if (!labels) found.push(`${at}: there is no ${metric}`)
    for (const { label, values } of wants.filter(({ label }) => !added.has(label))) {
      const known = [...(labels?.get(label) ?? [])]
      const strange =
        values instanceof RegExp ? !known.some((one) => values.test(one)) : values.some((one) => !known.includes(one))
      if (strange) found.push(`${at}: no ${metric} has the ${label} ${String(values)}`)
    }
  }
  const own = new Set(uses.flatMap(({ metric }) => [...(figures.series.get(metric)?.keys() ?? [])]))
  return found.concat(
    labelsIn(expr)
      .filter((label) => !added.has(label) && !own.has(label))
      .map((label) => `${at}: nothing has the label ${label}`),
  )
}

describe('an alert', () => {
  test('names figures, labels and values that there are', () => {
    expect(alerts.length).toBeGreaterThan(8)
    expect(alerts.flatMap(unknown)).toEqual([])
  })

  test.each(alerts)('$at says what is wrong, and where it is told what to do', ({ at, annotations }) => {
    expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook'])
    expect(annotations.runbook).toBe(`docs/operations.md#${at.toLowerCase()}`)
    expect(textOf('docs', 'operations.md')).toContain(`\n### ${at}\n`)
  })

  test.each(alerts)('$at is tested as it fires and as it does not', ({ at }) => {
    const cases = tests.split(/^ {6}- (?=alertname: )/m).filter((one) => one.startsWith(`alertname: ${at}\n`))
    const fires = (one: string) => /^ {8}exp_alerts:\n {10}- /m.test(one)
    expect([cases.some(fires), cases.every(fires)]).toEqual([true, false])
  })
})

describe('the dashboard', () => {
  test('names figures, labels and values that there are', () => {
    const questions = questionsOf(dashboard, '5m')
    expect(questions.length).toBeGreaterThan(30)
    expect(questions.flatMap(unknown)).toEqual([])
    expect(questions.filter(({ expr }) => expr.includes('$'))).toEqual([])
  })

  test('divides by nothing that may be zero: that is shown as no number', () => {
    const fractions = questionsOf(dashboard, '5m').filter(({ expr }) => expr.includes(' / '))
    expect(fractions.length).toBeGreaterThan(1)
    expect(fractions.filter(({ expr }) => !/ \/ \(.* > 0\)$/.test(expr))).toEqual([])
  })

  test('shows every figure of foreman', () => {
    const asked = new Set(questionsOf(dashboard, '5m').flatMap(({ expr }) => usesIn(expr).map(({ metric }) => metric)))
    const shown = (name: string) => ['', '_bucket', '_sum'].some((part) => asked.has(name + part))
    // `foreman_target_state` says more.
    const own = [...figures.declared.keys()].filter((name) => /^foreman_(?!target_up$)/.test(name))
    expect(own.filter((name) => !shown(name))).toEqual([])
  })

  test('asks the Prometheus that is chosen, by panels that have a number and a place of their own', () => {
    const { panels, templating } = dashboard
    expect(templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' })
    const asked = [...textOf('deploy', 'grafana', 'foreman.json').matchAll(/"type": "prometheus",\s*"uid": "([^"]*)"/g)]
    expect(asked.length).toBeGreaterThan(50)
    expect(new Set(asked.map(([, uid]) => uid))).toEqual(new Set(['${datasource}']))
    const questions = panels.filter(({ targets }) => targets)
    expect(
      questions.filter(({ datasource, targets }) => !datasource || targets!.some((one) => !one.datasource)),
    ).toEqual([])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([])
  })
})
