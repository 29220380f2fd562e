/** Sums that are added to for every call, by the values of their labels; told to the library when somebody asks. */
import { LabelTree } from './label-tree.ts'

interface Sum {
  readonly labels: Record<string, string>
  amount: number
}

export class Tally {
  #sums: LabelTree<Sum>

  /** `labelNames`: at most four. `sumsMax`: further ones are counted together, under `other`. */
  constructor(labelNames: readonly string[], sumsMax?: number) {
    this.#sums = new LabelTree(labelNames, (labels) => ({ labels, amount: 0 }), sumsMax)
  }

  /** The values of the labels stand in the order of their names. */
  add(amount: number, a?: string, b?: string, c?: string, d?: string): void {
    this.#sums.at(a, b, c, d).amount += amount
  }

  /** Gives each sum since the last time to `take`. */
  drain(take: (labels: Record<string, string>, amount: number) => void): void {
    for (const sum of this.#sums.leaves) {
      take(sum.labels, sum.amount)
      sum.amount = 0
    }
  }
}
