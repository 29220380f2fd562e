/** Replicas of deployments as metrics. */
import type { ReplicaRow } from '../control/replica-row.ts'
import type { Numbers } from '../observe/metric.ts'

const states = ['starting', 'ready', 'serving', 'draining', 'stopping', 'resting', 'dead'] as const

/** @param deaths by deployment, since the start; those that were not ready in time among them. */
export function replicaNumbers(rows: readonly ReplicaRow[], deaths: ReadonlyMap<string, number>): Numbers {
  const deployments = [...new Set(rows.map(({ deployment }) => deployment))]
  const inState = (deployment: string, state: string): number =>
    rows.filter((each) => each.deployment === deployment && each.state === state).length
  return [
    {
      name: 'holdfast_replicas',
      help: 'Replicas of deployments, by state.',
      type: 'gauge',
      aggregator: 'max',
      values: deployments.flatMap((deployment) =>
        states.map((state) => ({ labels: { deployment, state }, value: inState(deployment, state) })),
      ),
    },
    {
      name: 'holdfast_replica_memory_bytes',
      help: 'Memory that the processes of a replica hold, where its driver tells.',
      type: 'gauge',
      aggregator: 'max',
      values: rows.flatMap(({ deployment, name, memoryBytes }) =>
        memoryBytes === null ? [] : [{ labels: { deployment, replica: name }, value: memoryBytes }],
      ),
    },
    {
      name: 'holdfast_replica_deaths_total',
      help: 'Replicas that ended without having been asked to, or were not ready in time.',
      type: 'counter',
      aggregator: 'sum',
      values: [...deaths].map(([deployment, value]) => ({ labels: { deployment }, value })),
    },
  ]
}
