// What the alerts and the dashboard ask Prometheus, and which figures and labels that names. Only what a test has to know
// of PromQL: a metric is a name of foreman's, of its process, or `up`.

/** An expression and where it stands. */
export interface Asked {
  at: string
  expr: string
}

export interface Alert extends Asked {
  severity: string | undefined
  /** How long it has to be so, as 5m; undefined: a moment. */
  lasts: string | undefined
  /** What it says, by the names of its annotations. */
  annotations: Record<string, string>
}

interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: unknown
  targets?: { expr: string; datasource: unknown }[]
}

export interface Dashboard {
  panels: Panel[]
  templating: { list: { name: string; type: string; query: unknown }[] }
}

/** The rules of an alerts.yaml, whose form is that of ours. */
export function alertsOf(text: string): Alert[] {
  return text
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((rule) => {
      const expr = /^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/m.exec(rule)
      const annotations = [...rule.matchAll(/^ {10}(\w+): '?(.*?)'?$/gm)].map(([, name, said]) => [name, said])
      return {
        at: rule.split('\n', 1)[0]!,
        expr: (expr?.[1] ?? expr?.[2] ?? '').replaceAll(/\s+/g, ' ').trim(),
        severity: /severity: (\w+)/.exec(rule)?.[1],
        lasts: /^ {8}for: (\w+)$/m.exec(rule)?.[1],
        annotations: Object.fromEntries(annotations) as Record<string, string>,
      }
    })
}

/** What the panels ask, with the variables of Grafana replaced: `range` for every stretch of time. */
export function questionsOf({ panels }: Dashboard, range: string): Asked[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      at: title,
      expr: expr.replaceAll(/\$__(?:rate_interval|range)\b/g, range).replaceAll('$instance', '.+'),
    })),
  )
}

/** A metric that an expression names, with the values it wants of labels, and the labels it groups by. */
export interface Use {
  metric: string
  wants: { label: string; values: string[] | RegExp }[]
}

export function usesIn(expr: string): Use[] {
  return [...expr.matchAll(/\b((?:foreman|process|nodejs)_\w+|up)\b(?:\{([^}]*)\})?/g)].map(([, metric, matchers]) => ({
    metric: metric!,
    wants: [...(matchers ?? '').matchAll(/(\w+)(=~?|!=)"([^"]*)"/g)].map(([, label, how, value]) => ({
      label: label!,
      values: how === '=~' && /[.*+]/.test(value!) ? new RegExp(`^(?:${value})$`) : value!.split('|'),
    })),
  }))
}

/** The labels by which it groups or joins. */
export function labelsIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(', '))
}
