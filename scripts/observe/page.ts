// A page of figures in Prometheus' text format, read back.

export interface Figures {
  /** Type and help of each metric. */
  declared: Map<string, { type: string; help: string }>
  /** The values of each label of each series' name: foreman_jobs → state → queued, loading … */
  series: Map<string, Map<string, Set<string>>>
}

export function readFigures(page: string): Figures {
  const declared: Figures['declared'] = new Map()
  const series: Figures['series'] = new Map()
  for (const [, name, help] of page.matchAll(/^# HELP (\w+) (.*)$/gm)) declared.set(name!, { type: '', help: help! })
  for (const [, name, type] of page.matchAll(/^# TYPE (\w+) (\w+)$/gm)) declared.get(name!)!.type = type!
  for (const [, name, labels] of page.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = series.get(name!) ?? new Map<string, Set<string>>()
    series.set(name!, known)
    for (const [, label, value] of (labels ?? '').matchAll(/(\w+)="([^"]*)"/g))
      known.set(label!, (known.get(label!) ?? new Set()).add(value!))
  }
  return { declared, series }
}
