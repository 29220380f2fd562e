/**
 * Our own counters and gauges as OTLP has them: `holdfast_answer_bytes_total` is `holdfast.answer` in bytes. (A
 * collector that writes them for Prometheus makes the first name out of the second.) Histograms have their own words
 * in the conventions; see `call-measures.ts`.
 */
import type { MetricNumbers } from '../openmetrics.ts'
import { nanos } from './otlp-json.ts'
import { attributes } from './otlp-object.ts'

const cumulative = 2
const prefix = 'holdfast_'
const units: readonly (readonly [suffix: string, unit: string])[] = [
  ['_bytes', 'By'],
  ['_seconds', 's'],
]

export function ownMetrics(numbers: readonly MetricNumbers[], startMs: number, nowMs: number): object[] {
  return numbers
    .filter(({ name, type, values }) => name.startsWith(prefix) && values.length > 0 && type !== 'histogram')
    .map(({ name, help, type, values }) => {
      const dataPoints = values.map(({ labels, value }) => ({
        attributes: attributes(
          Object.fromEntries(Object.entries(labels).map(([key, told]) => [`holdfast.${key}`, String(told)])),
        ),
        startTimeUnixNano: nanos(startMs),
        timeUnixNano: nanos(nowMs),
        asDouble: value,
      }))
      const isCounter = type === 'counter'
      const data = isCounter
        ? { sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints } }
        : { gauge: { dataPoints } }
      return { ...named(name), description: help, ...data }
    })
}

function named(name: string): { name: string; unit: string } {
  const base = name.replace(/_total$/, '')
  const [suffix, unit] = units.find(([each]) => base.endsWith(each)) ?? ['', '1']
  return { name: `holdfast.${base.slice(prefix.length, base.length - suffix.length)}`, unit }
}
