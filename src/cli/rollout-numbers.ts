/** Rollouts as metrics. */
import type { RolloutRow } from '../control/rollouts.ts'
import type { Numbers } from '../observe/metric.ts'
import type { RolloutFact } from '../observe/rollout-fact.ts'

const ends: ReadonlySet<string> = new Set(['done', 'rolled-back', 'inconclusive'])
/** Deployments whose ends are counted. */
const countedMax = 1000

export class RolloutNumbers {
  #ends = new Map<string, number>()

  hear({ deployment, phase }: Pick<RolloutFact, 'deployment' | 'phase'>): void {
    const key = `${deployment} ${phase}`
    if (!ends.has(phase) || (this.#ends.size >= countedMax && !this.#ends.has(key))) return
    this.#ends.set(key, (this.#ends.get(key) ?? 0) + 1)
  }

  numbers(rows: readonly RolloutRow[]): Numbers {
    return [
      {
        name: 'holdfast_rollout_share',
        help: 'Share of new calls that a release has which is being deployed.',
        type: 'gauge',
        aggregator: 'max',
        values: rows.map(({ deployment, to, share }) => ({ labels: { deployment, release: to }, value: share })),
      },
      {
        name: 'holdfast_rollouts_total',
        help: 'Rollouts that came to this: done, rolled-back, or inconclusive.',
        type: 'counter',
        aggregator: 'sum',
        values: [...this.#ends].map(([key, value]) => {
          const [deployment = '', phase = ''] = key.split(' ')
          return { labels: { deployment, phase }, value }
        }),
      },
    ]
  }
}
