/** What was done about sick replicas: the last of it for operators, and counts for metrics. */
import type { RemedyFact } from '../observe/heal-fact.ts'
import type { Numbers } from '../observe/metric.ts'

const keptMax = 100
const countsMax = 1000

export type RemedyTold = Pick<
  RemedyFact,
  'state' | 'deployment' | 'replica' | 'ailment' | 'remedy' | 'evidence' | 'detail'
> & { readonly atMs: number }

export class RemedyBook {
  #last: RemedyTold[] = []
  #counts = new Map<string, { readonly labels: Record<string, string>; value: number }>()

  add({ state, deployment, replica, ailment, remedy, evidence, detail, atMs }: RemedyTold): void {
    this.#last.push({ state, deployment, replica, ailment, remedy, evidence, detail, atMs })
    if (this.#last.length > keptMax) this.#last.shift()
    // Of a measured one it counts what came of it.
    const came = state === 'measured' ? (detail.split(';')[0] ?? '') : state
    const labels = { deployment, ailment, remedy, state: came }
    const key = JSON.stringify(labels)
    const count = this.#counts.get(key)
    if (count) count.value++
    else if (this.#counts.size < countsMax) this.#counts.set(key, { labels, value: 1 })
  }

  get all(): readonly RemedyTold[] {
    return this.#last
  }

  numbers(): Numbers {
    return [
      {
        name: 'holdfast_remedies_total',
        help: 'What was found about sick replicas: planned, withheld, gave-up; and what came of it: worked, nothing, worse.',
        type: 'counter',
        aggregator: 'sum',
        values: [...this.#counts.values()],
      },
    ]
  }
}
