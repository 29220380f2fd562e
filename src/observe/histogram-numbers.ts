/** A distribution as the samples of a Prometheus histogram, and the calls that stand for its buckets. */
import type { Distribution, Exemplar } from './distribution.ts'
import { type MetricNumbers, numberText, type Sample } from './openmetrics.ts'

export function histogramNumbers(name: string, { bounds, series }: Distribution): Sample[] {
  const samples: Sample[] = []
  for (const each of series) {
    let count = 0
    for (let i = 0; i <= bounds.length; i++) {
      count += each.counts[i] ?? 0
      const labels = { le: boundText(bounds[i] ?? Number.POSITIVE_INFINITY), ...each.labels }
      samples.push({ value: count, labels, metricName: `${name}_bucket`, witness: each.exemplar(i) })
    }
    samples.push({ value: each.sum, labels: each.labels, metricName: `${name}_sum` })
    samples.push({ value: count, labels: each.labels, metricName: `${name}_count` })
  }
  return samples
}

/** OpenMetrics wants the point; so both formats have it, and a series is the same whichever is read. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : numberText(bound)
}

/** What was added up of several processes, with the exemplars that adding loses: the latest of all. */
export function withWitnesses(merged: MetricNumbers, all: readonly (readonly MetricNumbers[])[]): MetricNumbers {
  if (merged.type !== 'histogram') return merged
  const latest = new Map<string, Exemplar>()
  for (const numbers of all)
    for (const sample of numbers.find(({ name }) => name === merged.name)?.values ?? []) {
      const { witness } = sample
      if (witness && witness.atMs >= (latest.get(keyOf(sample))?.atMs ?? 0)) latest.set(keyOf(sample), witness)
    }
  if (latest.size === 0) return merged
  return {
    ...merged,
    values: merged.values.map((sample) => ({ ...sample, witness: latest.get(keyOf(sample)) ?? null })),
  }
}

function keyOf({ metricName, labels }: Sample): string {
  const told = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([metricName, told])
}
