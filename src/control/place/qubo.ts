/**
 * Quadratic unconstrained binary optimisation: minimise offset + Σ linear·x + Σ quadratic·x·y over yes-or-no variables.
 * What annealers and quantum computers are given.
 */

export class Qubo {
  readonly labels: string[] = []
  offset = 0
  readonly linear: number[] = []
  /** By the lower variable: the higher one and their factor. */
  readonly quadratic: Map<number, number>[] = []

  readonly #known = new Set<string>()

  /** Returns its number. One whose label is taken gets a prime: readers of the files go by labels. */
  addVariable(name: string): number {
    let label = name
    while (this.#known.has(label)) label += "'"
    this.#known.add(label)
    this.linear.push(0)
    this.quadratic.push(new Map())
    return this.labels.push(label) - 1
  }

  get size(): number {
    return this.labels.length
  }

  get pairCount(): number {
    return this.quadratic.reduce((sum, { size }) => sum + size, 0)
  }

  addLinear(variable: number, factor: number): void {
    this.linear[variable] = (this.linear[variable] ?? 0) + factor
  }

  /** The square of a yes-or-no variable is itself. */
  addPair(a: number, b: number, factor: number): void {
    if (a === b) return this.addLinear(a, factor)
    const [low, high] = a < b ? [a, b] : [b, a]
    const row = this.quadratic[low]
    row?.set(high, (row.get(high) ?? 0) + factor)
  }

  /** factor · (Σ weight·x + constant)² */
  addSquare(sum: readonly Term[], constant: number, factor: number): void {
    this.offset += factor * constant ** 2
    sum.forEach(([a, weight], i) => {
      this.addLinear(a, factor * weight * (weight + 2 * constant))
      for (let j = i + 1; j < sum.length; j++) {
        const [b, other] = sum[j] ?? [a, 0]
        this.addPair(a, b, 2 * factor * weight * other)
      }
    })
  }

  energyOf(isSet: (variable: number) => boolean): number {
    let energy = this.offset
    this.quadratic.forEach((row, a) => {
      if (!isSet(a)) return
      energy += this.linear[a] ?? 0
      for (const [b, factor] of row) if (isSet(b)) energy += factor
    })
    return energy
  }
}

/** A variable and its weight in a sum. */
export type Term = readonly [variable: number, weight: number]

/** Weights of bits whose sums are all whole numbers from 0 to `most`, and none above: 1, 2, 4, …, and what is left. */
export function bitWeights(most: number): number[] {
  const weights: number[] = []
  for (let left = most, weight = 1; left > 0; weight *= 2) {
    const next = Math.min(weight, left)
    weights.push(next)
    left -= next
  }
  return weights
}
