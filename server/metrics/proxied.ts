// The count of proxied requests, by route and status.

import { Counter, type Registry } from 'prom-client'

/** Counts proxied requests in a plain map and hands prom-client the sums at a scrape: this is the path of every request. */
export function proxyCounter(registry: Registry): (route: string, status: number) => void {
  const counts = new Map<string, Map<number, number>>()
  const counter = new Counter({
    name: 'foreman_proxy_requests_total',
    help: 'Requests passed on to the target by route and status; 499: the caller left first.',
    labelNames: ['route', 'code'],
    registers: [],
    collect() {
      this.reset()
      for (const [route, codes] of counts) for (const [code, count] of codes) this.inc({ route, code }, count)
    },
  })
  registry.registerMetric(counter)
  return (route, status) => {
    let codes = counts.get(route)
    if (!codes) counts.set(route, (codes = new Map()))
    // A status is whatever the target wrote: one outside HTTP's range must not become a series.
    const code = status >= 100 && status <= 599 ? Math.trunc(status) : 0
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
}
