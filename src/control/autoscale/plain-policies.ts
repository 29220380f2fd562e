/** The policies that anyone would think of, to compare with: always as many, and by the utilisation measured. */
import { replicasFor, type ScalePolicy } from './scale-policy.ts'

/** As many, whatever comes. */
export function staticPolicy(replicas: number): ScalePolicy {
  return { name: `static ${replicas}`, isForecasting: false, wish: () => ({ replicas, why: 'static' }) }
}

/** How far from its aim the utilisation may be before a horizontal pod autoscaler does anything. */
const deadBand = 0.1

/** As Kubernetes' autoscaler does it: as many as bring the utilisation to `share`, with a dead band of a tenth. */
export function utilisationPolicy(share: number): ScalePolicy {
  return {
    name: `HPA ${Math.round(100 * share)} %`,
    isForecasting: false,
    wish: ({ load, perReplica, ready, starting }) => {
      const now = ready + starting
      const ratio = load / (share * perReplica * Math.max(1, now))
      const isNear = Math.abs(ratio - 1) <= deadBand
      return { replicas: isNear ? now : Math.max(1, replicasFor(load, share * perReplica)), why: 'utilisation' }
    },
  }
}
