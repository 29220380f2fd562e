/** What is counted of WebSockets while they are open; once one is over it counts as a call, or as a request. */
import type { Metrics } from './metric.ts'
import { metricOf } from './web-metrics.ts'

/** `count`: at the moment of a scrape. */
export function countSockets(registry: Metrics['registry'], count: () => number): void {
  const help = 'WebSockets that are open: of the realtime API, and of applications beside the models.'
  const values = (): { value: number; labels: Record<string, string> }[] => [{ value: count(), labels: {} }]
  registry.registerMetric(metricOf('holdfast_websockets_live', help, 'gauge', [], values, 'sum'))
}
