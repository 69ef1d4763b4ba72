// The figures of the process itself: memory, CPU, event loop, garbage collection.

import { collectDefaultMetrics, type Registry } from 'prom-client'

/** prom-client's defaults without the three gauges it calls `_total`: they only repeat others, under a counter's name. */
export function collectProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const kind of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${kind}_total`)
}
