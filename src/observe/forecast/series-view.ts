/**
 * What is remembered of one series on one scale: levels over several spans, the bins of the last eight days, and the
 * shape of a day. All that the experts know is read from here, so it holds the past only.
 */
import type { Scale } from './scale.ts'

/** Spans of the levels in minutes; the third is what all changes are counted from. */
export const levelSpanMins = [1, 3, 6, 12, 25, 50, 100, 250, 1440] as const
const anchorAt = 2
const daysKept = 8

export class SeriesView {
  readonly scale: Scale
  readonly dayBins: number
  readonly levels = levelSpanMins.map(() => Number.NaN)
  readonly #rates: readonly number[]
  readonly #sums: Float64Array
  readonly #counts: Float64Array
  readonly #near: number
  readonly #wide: number
  /** The level by time of day, on two memories: some three days, some eight. */
  readonly #recentDay: Float64Array
  readonly #longDay: Float64Array
  #bins = 0

  constructor(scale: Scale, binMin: number) {
    this.scale = scale
    this.dayBins = Math.round(1440 / binMin)
    this.#rates = levelSpanMins.map((span) => 2 / (Math.max(1, span / binMin) + 1))
    this.#near = Math.max(1, Math.round(7 / binMin))
    this.#wide = Math.max(1, Math.round(30 / binMin))
    const size = this.dayBins * daysKept
    this.#sums = new Float64Array(size)
    this.#counts = new Float64Array(size)
    this.#recentDay = new Float64Array(this.dayBins).fill(Number.NaN)
    this.#longDay = new Float64Array(this.dayBins).fill(Number.NaN)
  }

  /** Bins seen, gaps included. */
  get bins(): number {
    return this.#bins
  }

  /** The level that changes are counted from: some six minutes. */
  get anchor(): number {
    return this.levels[anchorAt] as number
  }

  /** The next bin on this scale; NaN is a gap. */
  add(value: number): void {
    const has = !Number.isNaN(value)
    if (has) {
      for (let at = 0; at < this.levels.length; at++) {
        const level = this.levels[at] as number
        this.levels[at] = Number.isNaN(level) ? value : level + (this.#rates[at] as number) * (value - level)
      }
    }
    const size = this.#sums.length
    const at = this.#bins % size
    const before = this.#bins === 0 ? size - 1 : (this.#bins - 1) % size
    this.#sums[at] = (this.#sums[before] as number) + (has ? value : 0)
    this.#counts[at] = (this.#counts[before] as number) + (has ? 1 : 0)
    this.#bins++
    this.#shapeDay()
  }

  #shapeDay(): void {
    const middle = this.#bins - 1 - this.#wide
    const value = this.smoothed(middle, this.#wide)
    if (Number.isNaN(value)) return
    const at = middle % this.dayBins
    const recent = this.#recentDay[at] as number
    const long = this.#longDay[at] as number
    this.#recentDay[at] = Number.isNaN(recent) ? value : recent + 0.3 * (value - recent)
    this.#longDay[at] = Number.isNaN(long) ? value : long + 0.12 * (value - long)
  }

  /** The mean of the bins within `width` of `bin`; NaN outside of what is remembered. */
  smoothed(bin: number, width: number): number {
    const size = this.#sums.length
    const oldest = Math.max(0, this.#bins - size)
    const first = Math.max(bin - width, oldest === 0 ? 0 : oldest + 1)
    const last = Math.min(bin + width, this.#bins - 1)
    if (bin < 0 || bin > this.#bins - 1 || first > bin || last < first) return Number.NaN
    const before = first - 1
    const sum = (this.#sums[last % size] as number) - (before < 0 ? 0 : (this.#sums[before % size] as number))
    const count = (this.#counts[last % size] as number) - (before < 0 ? 0 : (this.#counts[before % size] as number))
    return count > 0 ? sum / count : Number.NaN
  }

  near(bin: number): number {
    return this.smoothed(bin, this.#near)
  }

  wide(bin: number): number {
    return this.smoothed(bin, this.#wide)
  }

  recentDay(bin: number): number {
    return this.#recentDay[bin % this.dayBins] as number
  }

  longDay(bin: number): number {
    return this.#longDay[bin % this.dayBins] as number
  }
}
