/** What is counted of pages and applications that are served beside the models, and of the cache before these. */
import type { Metrics } from './metric.ts'

interface Counted {
  readonly route: string
  readonly status: number
  readonly cache: string
}

interface Value {
  readonly value: number
  readonly labels: Readonly<Record<string, string>>
}

type Registered = Parameters<Metrics['registry']['registerMetric']>[0]

/** What a registry asks of a metric. `aggregator`: over workers. */
export function metricOf(
  name: string,
  help: string,
  type: 'counter' | 'gauge',
  labelNames: readonly string[],
  values: () => Value[],
  // Of the cache, which workers share, all tell the same.
  aggregator: 'sum' | 'max' = type === 'counter' ? 'sum' : 'max',
): Registered {
  const get = (): Promise<object> => Promise.resolve({ name, help, type, aggregator, values: values() })
  return { name, help, type, labelNames, get } as unknown as Registered
}

export class WebMetrics {
  /** Requests by route, class of status and what the cache did; few, for all three come from here. */
  #counts = new Map<string, { labels: Record<string, string>; value: number }>()

  /** `size`: of the cache, at the moment of a scrape. */
  constructor(registry: Metrics['registry'], size: () => { readonly entries: number; readonly bytes: number }) {
    registry.registerMetric(
      metricOf(
        'holdfast_web_requests_total',
        'Requests for pages and applications beside the models; `status` is its class, `cache` what the cache did: `hit`, `stale`, or why the application was asked.',
        'counter',
        ['route', 'status', 'cache'],
        () => [...this.#counts.values()],
      ),
    )
    registry.registerMetric(
      metricOf('holdfast_cache_bytes', 'Bytes of answers kept in the cache.', 'gauge', [], () => [
        { value: size().bytes, labels: {} },
      ]),
    )
    registry.registerMetric(
      metricOf('holdfast_cache_entries', 'Answers kept in the cache.', 'gauge', [], () => [
        { value: size().entries, labels: {} },
      ]),
    )
  }

  add({ route, status, cache }: Counted): void {
    const labels = { route, status: `${Math.floor(status / 100)}xx`, cache }
    const key = `${route}\n${labels.status}\n${cache}`
    const known = this.#counts.get(key)
    if (known) known.value++
    else this.#counts.set(key, { labels, value: 1 })
  }
}
