/**
 * Objectives and alerts as metrics. They come from the supervisor, whose sums never step back when a worker is
 * replaced, and are merged with those of the workers as if they were one more worker's.
 */
import type { Alert } from '../alert/alert-book.ts'
import type { Score } from '../objective/scoreboard.ts'
import type { Numbers } from '../observe/metric.ts'
import type { MetricNumbers } from '../observe/openmetrics.ts'

export interface AlertFacts {
  readonly scores: readonly Score[]
  readonly firing: readonly Alert[]
  readonly leftCount: number
  /** Kept still by planned maintenance. */
  readonly mutedCount: number
  readonly deliveries: readonly { readonly receiver: string; readonly delivered: number; readonly failed: number }[]
}

interface Value {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export function alertNumbers({ scores, firing, leftCount, mutedCount, deliveries }: AlertFacts): Numbers {
  const perObjective = (value: (score: Score) => number): Value[] =>
    scores.map((score) => ({ labels: { objective: score.name }, value: value(score) }))
  return [
    counter(
      'holdfast_objective_calls_total',
      'Calls that count for an objective, by whether they were good or bad in its sense.',
      scores.flatMap(({ name, total: { good, bad } }) => [
        { labels: { objective: name, verdict: 'good' }, value: good },
        { labels: { objective: name, verdict: 'bad' }, value: bad },
      ]),
    ),
    gauge(
      'holdfast_objective_target_ratio',
      'Share of calls that must be good; `alert` is the most that a missed objective may do.',
      scores.map(({ name, alert, target }) => ({ labels: { objective: name, alert }, value: target })),
    ),
    gauge(
      'holdfast_objective_budget_left_ratio',
      'Share of the error budget that is left; below 0 when more went wrong than was allowed.',
      perObjective(({ leftShare }) => leftShare),
    ),
    gauge(
      'holdfast_alerts_firing',
      'Alerts that go on.',
      [...Map.groupBy(firing, ({ condition: { name, severity } }) => `${name} ${severity}`)].map(([kind, alerts]) => {
        const [alertname = '', severity = ''] = kind.split(' ')
        return { labels: { alertname, severity }, value: alerts.length }
      }),
    ),
    gauge('holdfast_alerts_muted', 'Alerts that planned maintenance keeps still.', [{ labels: {}, value: mutedCount }]),
    counter('holdfast_alerts_left_total', 'Conditions that raised no alert, since there were too many.', [
      { labels: {}, value: leftCount },
    ]),
    counter(
      'holdfast_alert_deliveries_total',
      'Messages to receivers of alerts.',
      deliveries.flatMap(({ receiver, delivered, failed }) => [
        { labels: { receiver, outcome: 'delivered' }, value: delivered },
        { labels: { receiver, outcome: 'failed' }, value: failed },
      ]),
    ),
  ]
}

function counter(name: string, help: string, values: readonly Value[]): MetricNumbers {
  return { name, help, type: 'counter', values, aggregator: 'sum' }
}

function gauge(name: string, help: string, values: readonly Value[]): MetricNumbers {
  return { name, help, type: 'gauge', values, aggregator: 'max' }
}
