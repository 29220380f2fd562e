/**
 * Who comes most often, of any number, in little memory: SpaceSaving (Metwally, Agrawal, El Abbadi 2005). With k
 * counters whoever has more than 1/k of all is among them, and no count is too small, or too large by more than the
 * total / k. Pure.
 */
export interface Hitter {
  readonly key: string
  /** At least what it was. */
  readonly count: number
  /** It may be too large by this. */
  readonly error: number
}

export class HeavyHitters {
  #sizeMax: number
  #counts = new Map<string, { count: number; error: number }>()
  total = 0

  /** `sizeMax`: counters; each new key in a full house costs a look at all of them. */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  add(key: string): void {
    this.total++
    const known = this.#counts.get(key)
    if (known) return void known.count++
    if (this.#counts.size < this.#sizeMax) return void this.#counts.set(key, { count: 1, error: 0 })
    let least = ''
    let min = Number.POSITIVE_INFINITY
    for (const [other, { count }] of this.#counts) {
      if (count < min) {
        min = count
        least = other
      }
    }
    this.#counts.delete(least)
    this.#counts.set(key, { count: min + 1, error: min })
  }

  /** The most frequent first. */
  top(countMax: number): Hitter[] {
    return [...this.#counts]
      .map(([key, { count, error }]) => ({ key, count, error }))
      .sort((a, b) => b.count - a.count)
      .slice(0, countMax)
  }

  /** Halves all, so that what was long ago weighs little. */
  fade(): void {
    this.total = Math.floor(this.total / 2)
    for (const [key, each] of this.#counts) {
      each.count = Math.floor(each.count / 2)
      each.error = Math.floor(each.error / 2)
      if (each.count === 0) this.#counts.delete(key)
    }
  }
}
