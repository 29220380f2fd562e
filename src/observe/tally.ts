/**
 * Sums that are added to for every call, by the values of their labels. The metrics' library looks at labels anew each
 * time, which is a twentieth of the CPU time of a call; here they are one text, and the library is told when somebody
 * asks.
 */

interface Sum {
  readonly labels: Record<string, string>
  amount: number
}

export class Tally {
  #names: readonly string[]
  /** By the values of the labels; as bounded as those. */
  #sums = new Map<string, Sum>()

  /** `labelNames`: at most four. */
  constructor(labelNames: readonly string[]) {
    this.#names = labelNames
  }

  /** The values of the labels stand in the order of their names. */
  add(amount: number, a = '', b = '', c = '', d = ''): void {
    const key = b === '' ? a : `${a}\n${b}\n${c}\n${d}`
    const sum = this.#sums.get(key)
    if (sum) sum.amount += amount
    else this.#sums.set(key, { labels: this.#label([a, b, c, d]), amount })
  }

  /** Gives each sum since the last time to `take`. */
  drain(take: (labels: Record<string, string>, amount: number) => void): void {
    for (const sum of this.#sums.values()) {
      take(sum.labels, sum.amount)
      sum.amount = 0
    }
  }

  #label(values: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? '']))
  }
}
