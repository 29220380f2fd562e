/**
 * The text of OpenMetrics 1.0, which Prometheus asks for first and which has room for exemplars. Ours, because the
 * metrics' library writes the suffix of counters twice once numbers of several processes are added up, and loses their
 * exemplars.
 */
import type { Exemplar } from './distribution.ts'

/** A metric as the library tells it. */
export interface MetricNumbers {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly Sample[]
  /** How those of several processes become one; without it they are added up. */
  readonly aggregator?: 'sum' | 'max'
}

export interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  /** Of a part of a histogram: with its suffix. */
  readonly metricName?: string
  readonly witness?: Exemplar | null
}

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'

/** Whether a reader with this `accept` would rather have OpenMetrics. */
export function wantsOpenMetrics(accept: string): boolean {
  return qualityOf(accept, 'application/openmetrics-text') > qualityOf(accept, 'text/plain')
}

function qualityOf(accept: string, type: string): number {
  const range = accept.split(',').find((each) => each.split(';')[0]?.trim().toLowerCase() === type)
  if (range === undefined) return 0
  const quality = /;\s*q=([\d.]+)/.exec(range)?.[1]
  return quality === undefined ? 1 : Number(quality)
}

export function openMetricsText(metrics: readonly MetricNumbers[]): string {
  return `${metrics.map(familyText).join('')}# EOF\n`
}

function familyText({ name, help, type, values }: MetricNumbers): string {
  const isCounter = type === 'counter'
  const family = isCounter ? name.replace(/_total$/, '') : name
  let text = `# TYPE ${family} ${type}\n# HELP ${family} ${escape(help)}\n`
  for (const { value, labels, metricName, witness } of values) {
    text += `${metricName ?? (isCounter ? `${family}_total` : family)}${labelsText(labels)} ${numberText(value)}`
    text += witness ? exemplarText(witness) : ''
    text += '\n'
  }
  return text
}

function exemplarText({ ray, traceId, spanId, value, atMs }: Exemplar): string {
  // Label names and values of an exemplar may have 128 characters all told.
  const labels = traceId === '' ? { ray } : { ray, trace_id: traceId, span_id: spanId }
  return ` # ${labelsText(labels)} ${numberText(value)} ${(atMs / 1000).toFixed(3)}`
}

function labelsText(labels: Readonly<Record<string, string | number>>): string {
  const told = Object.entries(labels).map(
    ([name, value]) => `${name}="${escape(String(value)).replaceAll('"', '\\"')}"`,
  )
  return told.length === 0 ? '' : `{${told.join(',')}}`
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
