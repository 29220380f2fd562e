/** Deployments that are scaled by their load, as metrics. */
import type { ScaleRow } from '../control/autoscale/scale-row.ts'
import type { Numbers } from '../observe/metric.ts'

export function scaleNumbers(rows: readonly ScaleRow[]): Numbers {
  const gauge = { type: 'gauge', aggregator: 'max' } as const
  return [
    {
      ...{ ...gauge, name: 'holdfast_deployment_replicas_wished' },
      help: 'Replicas that a deployment is to have by its load.',
      values: rows.map(({ deployment, replicas }) => ({ labels: { deployment }, value: replicas })),
    },
    {
      ...{ ...gauge, name: 'holdfast_deployment_load' },
      help: 'Load of the last minute, in the first unit of `autoscale.perReplica`; left out where it says nothing.',
      values: rows.flatMap(({ deployment, load }) => (load === null ? [] : [{ labels: { deployment }, value: load }])),
    },
    {
      ...{ ...gauge, name: 'holdfast_deployment_load_forecast' },
      help: 'The same of the minute in which a replica that is ordered now would be ready: half, and nine in ten, of the values lie below.',
      values: rows.flatMap(({ deployment, forecast }) =>
        forecast
          ? [
              { labels: { deployment, quantile: '0.5' }, value: forecast.p50 },
              { labels: { deployment, quantile: '0.9' }, value: forecast.p90 },
            ]
          : [],
      ),
    },
    {
      ...{ ...gauge, name: 'holdfast_deployment_scaling_held' },
      help: '1 while a rollout, an incident, an outage or maintenance keeps replicas from being taken away.',
      values: rows.map(({ deployment, heldBy }) => ({ labels: { deployment }, value: Number(heldBy !== null) })),
    },
  ]
}
