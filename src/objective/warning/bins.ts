/**
 * A series of equal bins of time, of which the last is still being filled: what the early warnings look at. Bounded;
 * bins in which nothing was heard are left out.
 */

/** What stands for all values of a bin. */
export type Join = 'min' | 'max' | 'mean' | 'last' | 'sum'

export interface Series {
  /** Beginnings of the bins, milliseconds. */
  readonly x: readonly number[]
  readonly y: readonly number[]
}

export class Bins {
  #binMs: number
  #countMax: number
  #join: Join
  #x: number[] = []
  #y: number[] = []
  /** Values in the last bin. */
  #count = 0

  constructor(binMs: number, countMax: number, join: Join) {
    this.#binMs = binMs
    this.#countMax = countMax
    this.#join = join
  }

  add(nowMs: number, value: number): void {
    if (!Number.isFinite(value)) return
    const x = Math.floor(nowMs / this.#binMs) * this.#binMs
    // After a long step back of the clock, what lies ahead would swallow all that is still to come.
    while ((this.#x.at(-1) ?? 0) > x + this.#binMs) this.#drop()
    const last = this.#x.length - 1
    if (last >= 0 && x <= (this.#x[last] as number)) {
      // Of the same bin; or the clock has stepped back, and the bin is as good as any.
      this.#y[last] = this.#joined(this.#y[last] as number, value)
      this.#count++
      return
    }
    this.#x.push(x)
    this.#y.push(value)
    this.#count = 1
    if (this.#x.length <= this.#countMax + 1) return
    this.#x.shift()
    this.#y.shift()
  }

  #drop(): void {
    this.#x.pop()
    this.#y.pop()
  }

  /** Bins that are full, the latest `countMax` of them. */
  get series(): Series {
    return { x: this.#x.slice(0, -1), y: this.#y.slice(0, -1) }
  }

  #joined(before: number, value: number): number {
    if (this.#join === 'min') return Math.min(before, value)
    if (this.#join === 'max') return Math.max(before, value)
    if (this.#join === 'sum') return before + value
    return this.#join === 'last' ? value : (before * this.#count + value) / (this.#count + 1)
  }
}

/** The values of another series in the bins of this one; 0 where it has none. */
export function valuesAt({ x }: Series, other: Series): number[] {
  const byX = new Map(other.x.map((at, i) => [at, other.y[i] as number]))
  return x.map((at) => byX.get(at) ?? 0)
}
