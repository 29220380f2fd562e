/** A Prometheus histogram, just large enough for the lab. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    this.sum += value
    this.count++
    // Only the first bucket that takes it; the page adds them up.
    const at = this.bounds.findIndex((bound) => value <= bound)
    if (at >= 0) this.counts[at] = (this.counts[at] ?? 0) + 1
  }

  /**
   * The lines of `name` in the text format, cumulative as the format wants it. `labels` like `a="b"`, without braces.
   */
  lines(name: string, labels: string): string[] {
    let total = 0
    const buckets = this.bounds.map((bound, at) => {
      total += this.counts[at] ?? 0
      return `${name}_bucket{${labels},le="${bound}"} ${total}`
    })
    return [
      ...buckets,
      `${name}_bucket{${labels},le="+Inf"} ${this.count}`,
      `${name}_sum{${labels}} ${this.sum}`,
      `${name}_count{${labels}} ${this.count}`,
    ]
  }
}

/** Seconds, for waits and whole answers. */
export const waitBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
]
/** Seconds, between tokens. */
export const gapBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10,
]
/** Tokens in one step of the engine. */
export const stepBounds = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
