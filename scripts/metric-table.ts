/** Every metric of a gateway, as its registry tells it: the table behind the reference page and the dashboard. */
import type { Gauges } from '../src/observe/gauges.ts'
import { Metrics, mergeNumbers } from '../src/observe/metric.ts'
import { countSockets } from '../src/observe/socket-metrics.ts'
import { WebMetrics } from '../src/observe/web-metrics.ts'

export interface MetricRow {
  readonly name: string
  readonly kind: string
  readonly labels: readonly string[]
  readonly help: string
}

/** A gateway without anything in it. */
const nothing: Gauges = {
  callsLive: () => 0,
  journalBytes: () => 0,
  journalAnswers: () => 0,
  pressure: () => ({}),
  pressureRung: () => 0,
  choices: { counts: {}, promptTokens: { asked: 0, cached: 0 } },
  upstreams: () => [],
  lines: () => [],
  recordLost: () => 0,
  crowd: { turnedAway: {}, challenges: { issued: 0, solved: 0, refused: 0 }, shieldLevel: 0 },
  retriesLeft: () => 0,
  retriesDenied: () => 0,
  hedgesDenied: () => 0,
  quarantined: () => 0,
}

/** Our own, in the order of their names. */
export async function metricTable(): Promise<MetricRow[]> {
  const metrics = new Metrics(nothing)
  new WebMetrics(metrics.registry, () => ({ entries: 0, bytes: 0 }))
  countSockets(metrics.registry, () => 0)
  const labels = new Map(
    (metrics.registry.getMetricsAsArray() as unknown as { name: string; labelNames?: readonly string[] }[]).map(
      ({ name, labelNames = [] }) => [name, labelNames],
    ),
  )
  const text = await mergeNumbers([await metrics.numbers()], 0, false)
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)$/gm)].map(
    ([, name = '', help = '', kind = '']) => {
      return { name, kind, help: help.replaceAll('\\n', '\n').replaceAll('\\\\', '\\'), labels: labels.get(name) ?? [] }
    },
  )
  return rows.filter(({ name }) => name.startsWith('holdfast_')).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Names of series that an expression of Prometheus asks for. */
export function seriesIn(expression: string): string[] {
  return [...new Set(expression.match(/\bholdfast_\w+|\bprocess_\w+|\bnodejs_\w+/g) ?? [])]
}

/** The metric that a series belongs to; null where there is none of that name. */
export function metricOf(series: string, rows: readonly MetricRow[]): MetricRow | null {
  const known = new Map(rows.map((row) => [row.name, row]))
  const base = known.get(series.replace(/_(bucket|sum|count)$/, ''))
  return known.get(series) ?? (base?.kind === 'histogram' ? base : null)
}
